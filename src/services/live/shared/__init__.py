"""Lets all clips of one running stream share one capture: each segment is fetched and stored once."""
