"""Encodes of inputs as people have them, made by FFmpeg and looked at frame by frame."""
