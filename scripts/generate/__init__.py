"""Generates the pages, settings and clients."""
