"""What workers live through: deaths, repeats, clocks that are moved, shared work."""
