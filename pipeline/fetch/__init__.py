"""From a dump server to verified files."""
