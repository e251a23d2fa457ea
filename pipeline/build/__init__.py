"""The command `build`: all jobs in order, from dumps to token shards."""
