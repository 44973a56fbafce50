"""Encodes videos: plans from the facts of a file, runs FFmpeg, and verifies that the result matches the plan."""
