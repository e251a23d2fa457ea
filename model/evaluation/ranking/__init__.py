"""Tasks without training: retrieval, alignment and probing."""
