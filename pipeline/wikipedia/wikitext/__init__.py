"""Wikitext to the text a reader sees, with its links at exact places; plain functions, no Beam."""
