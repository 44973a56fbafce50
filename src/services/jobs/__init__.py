"""Runs jobs of any kind, from the request to the end, one at a time per worker."""
