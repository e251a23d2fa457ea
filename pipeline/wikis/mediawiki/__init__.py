"""MediaWiki's own facts about languages and wikis, read from its source files and written as this project's tables.

`python -m pipeline.wikis.mediawiki FOLDER` makes the tables anew; the rest of the project reads the tables alone.
"""
