"""Receives uploaded files and encodes them."""
