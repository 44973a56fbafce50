"""Shares finished files by link."""
