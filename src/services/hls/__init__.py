"""Reads HLS playlists, their keys and their pieces."""
