"""The job `wikipedia`: dumps of Wikipedias to `pages` and `redirects`."""
