"""Cuts frame-exact clips from remote media. Runs inside the sandbox."""
