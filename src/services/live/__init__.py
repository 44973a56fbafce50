"""Clips of running streams, by the clock: the stream's segments are captured at once and cut exactly afterwards."""
