"""Live clips by the clock."""
