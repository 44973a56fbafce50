"""Indexes sources: finds the byte positions and presentation times of their packets."""
