"""bzip2 blocks decoded by compiled code, several at a time.

What a block takes is the way back through its Burrows-Wheeler transform: one jump a byte to anywhere in four megabytes, and
nothing to do until what stands there has come from memory. Blocks do not depend on one another, so here some go that way
side by side, and while one waits the others jump. Every block's checksum is compared, so that a block either comes out
right or not at all; what to say of one that does not is left to the library.

    words ─▶ runs.py: a block's codes to runs of bytes ─▶ transform.py: links, the way along them, repeats undone

Source: the format as bzip2 1.0 writes it.
"""
