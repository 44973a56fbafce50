"""Reads and rewrites the headers of video codecs, so that copied and encoded frames play as one video."""
