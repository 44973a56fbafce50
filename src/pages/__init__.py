"""Serves the web page: its shell, its modules, and what they need to know about this installation."""
