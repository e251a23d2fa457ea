"""What a dataset of token shards holds, opened for training: rows, and the stores that are looked up."""
