"""Items of a Wikidata dump from their bytes to columns in one pass of compiled code.

Only what nearly every line of a dump holds is read here: an item in the dump's own form, with values of the usual kinds. The
scan stops before any other line (a property, a redirect, white space between tokens, a doubled key, damaged JSON, …), which
`EntityColumns.add` then reads as it always does. Both ways give the same rows; this one takes a third of the time, because no
string of Python's is made on the way.

    bytes ─▶ items.scan ─▶ Buffers (strings one behind the other, places, counts) ─▶ record batches (scanner)

Numba compiles the functions when they are first called and keeps them on disk.
"""
