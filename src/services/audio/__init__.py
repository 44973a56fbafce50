"""Makes audio files from links."""
