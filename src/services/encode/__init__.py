"""Encodes: a plan made of facts, arguments made of the plan, and proofs that the file is what was promised."""
