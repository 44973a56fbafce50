"""Holds the archive: what the site reports about videos, and the library of what was fetched."""
