"""How clean and how complete the text is that the `wikipedia` job reads."""
