"""Skipping what is up to date: what a job depends on, its fingerprint, and the store of outputs."""
