"""Measurements: each is a command, `python -m benchmarks.NAME`."""

from model.cli import sleep_while_waiting

sleep_while_waiting()
