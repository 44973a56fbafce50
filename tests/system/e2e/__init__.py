"""The whole service, as a user has it: HTTP, workers, stores, and an offline YouTube."""
