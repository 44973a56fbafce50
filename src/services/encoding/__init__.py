"""Encodes: a plan made of facts, arguments made of the plan, and proof that the file is what was planned."""
