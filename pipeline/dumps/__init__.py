"""From the bytes of dump files to lines and elements: ranges, decoders, the folder and its record."""
