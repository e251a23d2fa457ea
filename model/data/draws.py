"""Random numbers that are a pure function of a seed and a position.

Every draw of the data side is made from raw Philox words keyed by names and numbers, never from a generator whose state
is carried along: so a batch can be made again from its position alone. Only raw words are used, because NumPy promises
their stability over versions and does not promise it for the methods of `Generator`.

Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011), for Philox.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import numpy.typing as npt

KeyPart = int | str


def philox(*key: KeyPart) -> np.random.Philox:
    """Return the bit generator that belongs to a key, for instance `philox(seed, "mask", lane, number)`."""
    digest = blake2b("\x1f".join(map(str, key)).encode(), digest_size=16, person=b"xlmk-draws").digest()
    return np.random.Philox(key=np.frombuffer(digest, dtype=np.uint64))


def words(count: int, *key: KeyPart) -> npt.NDArray[np.uint64]:
    """Return `count` random 64-bit words."""
    return philox(*key).random_raw(count)


def uniform(count: int, *key: KeyPart) -> npt.NDArray[np.float64]:
    """Return `count` numbers uniform in [0, 1), with 53 random bits each."""
    return (words(count, *key) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permutation(count: int, *key: KeyPart) -> npt.NDArray[np.int64]:
    """Return a random order of `range(count)`.

    Sorting 64-bit words: two equal ones keep their order, which at a million items happens in one order of 10 million.
    """
    return np.argsort(words(count, *key), kind="stable")
