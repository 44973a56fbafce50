"""Makes clips of moments of a running stream: its segments are captured at once and cut exactly afterwards."""
