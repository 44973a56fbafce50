"""Cuts clips: chooses the method, runs the engine in a sandbox, and verifies what it wrote."""
