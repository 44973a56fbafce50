"""Produces clips of videos: one time range, or several of one video."""
