"""Reads facts about media files in a sandboxed child process."""
