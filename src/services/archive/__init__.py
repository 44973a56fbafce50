"""Holds the archive: the facts that the site reports about videos, and the library of downloaded videos."""
