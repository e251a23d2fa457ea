"""Batches made ahead of time by worker processes."""
