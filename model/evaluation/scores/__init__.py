"""The official metrics, on plain predictions; no torch."""
