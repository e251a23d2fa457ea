"""Tasks with training: a task's data, its model, the loop."""
