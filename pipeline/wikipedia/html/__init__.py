"""Rendered pages: MediaWiki's own HTML of articles, as Wikimedia's snapshots hold it, to the same tables as wikitext."""
