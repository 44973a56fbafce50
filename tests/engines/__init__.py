"""Tests of the engines with real media: clips, live moments, streams, encodes, probes and the egress proxy."""
