"""Tests of the whole service as users and operators run it."""
