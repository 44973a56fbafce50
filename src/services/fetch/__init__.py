"""Fetches remote resources with parallel range requests."""
