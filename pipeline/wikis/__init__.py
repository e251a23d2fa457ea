"""What several jobs know of wikis, their languages, titles and entities."""
