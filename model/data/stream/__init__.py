"""From examples to batches, in an order that is a pure function of the seed and the position."""
