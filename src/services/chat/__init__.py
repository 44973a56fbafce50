"""Clips asked for in a chat: what the message says, how often it may be said, and the sentence that answers."""
