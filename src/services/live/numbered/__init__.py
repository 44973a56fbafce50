"""Captures a running stream by the numbers of its segments, whose contents state when they were broadcast."""
