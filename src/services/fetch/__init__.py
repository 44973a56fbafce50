"""Fetches bytes over HTTP: large files in parallel, small documents within limits."""
