"""Answers chat commands: parses a message, enforces the cooldown, saves the clip, and writes the reply."""
