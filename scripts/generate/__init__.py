"""Writes the generated pages, settings and clients."""
