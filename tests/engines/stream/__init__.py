"""Tests of the stream engine."""
