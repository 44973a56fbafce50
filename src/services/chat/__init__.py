"""Answers chat commands: what a message requests, how often it may, and the sentence in reply."""
