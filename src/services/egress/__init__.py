"""Fetches everything through one loopback proxy, which checks the destination of every connection."""
