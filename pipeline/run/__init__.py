"""How a job runs: tasks in, shards and a manifest out. Beam is imported here alone."""
