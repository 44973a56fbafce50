"""Builds the container image on a machine without a registry or a container daemon, starts it, and uses it."""
