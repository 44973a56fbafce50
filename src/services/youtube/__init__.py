"""Reads YouTube through yt-dlp: options, messages, extraction, formats, selection."""
