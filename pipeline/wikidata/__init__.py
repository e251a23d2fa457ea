"""The job `wikidata`: JSON dumps of Wikidata to `entities`, `relations`, `triples` and `sitelinks`."""
