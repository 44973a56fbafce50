"""Starts, watches and stops all processes of the service: embedded stores, API, workers and scheduler."""
