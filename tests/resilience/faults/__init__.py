"""The service with a bad network between its parts: silent, half-open, slow and broken connections."""
