"""The data report: what a build holds, as a page for people."""
