"""Starts, watches and stops everything the service consists of: embedded stores, API, workers, scheduler."""
