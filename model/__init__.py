"""The trainer: streams the tables, pre-trains, evaluates, exports."""
