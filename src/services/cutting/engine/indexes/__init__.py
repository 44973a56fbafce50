"""Finds the packets of a source: what lies at which byte and when it is shown."""
