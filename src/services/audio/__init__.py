"""Produces audio files from links."""
