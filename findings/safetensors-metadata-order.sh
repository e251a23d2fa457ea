#!/usr/bin/env bash
# One would guess: saving the same tensors with the same metadata twice gives the same bytes; the keys of tensors are sorted, after all.
# What happens: entries of the metadata are written in another order each time, so files with two entries or more differ from save to save.
# Why it matters here: a finished model's checksum changed although nothing had been trained differently. We keep one entry, of JSON.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet safetensors==0.8.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from hashlib import sha256

import numpy
import safetensors
from safetensors.numpy import save

tensors = {"weight": numpy.zeros(4, dtype=numpy.float32)}
one = {"header": "all in one"}
six = {name: "x" for name in ("format", "norm", "width", "layer", "temperature", "scale")}
files = {len(metadata): {sha256(save(tensors, metadata)).hexdigest() for _ in range(20)} for metadata in (one, six)}
print(f"safetensors {safetensors.__version__}: 20 saves give", {f"{n} entries": len(found) for n, found in files.items()}, "files")
sys.exit(not (len(files[1]) == 1 and len(files[6]) > 1))
PYTHON
