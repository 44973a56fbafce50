"""Tests of failures, hostile input and deaths of processes."""
