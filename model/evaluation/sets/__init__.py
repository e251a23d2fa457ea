"""The public evaluation sets: their files found, their forms read, every example checked; no torch."""
