#!/usr/bin/env bash
# One would guess: with `encode_special_tokens = True` the characters "<mask>" in a text are cut like any others, never into the mask's own id.
# What happens: the flag turns off added tokens alone. XLM-R's layout lists <mask> among the pieces of its Unigram model as well, so the
# model itself finds it in the text, as its best piece, and the text holds a mask token.
# Why it matters here: a page about masked language models would be trained on with masks nobody drew. SentencePiece's own library, which we
# use for such models, does not know the piece.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tokenizers==0.23.3
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers

letters = [(letter, -5.0) for letter in "abcdefghijklmnopqrstuvwxyz<>▁"]
found = {}
for listed in (True, False):
    pieces = [("<unk>", 0.0), *letters, *([("<mask>", 0.0)] if listed else [])]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(["<mask>"])
    tokenizer.encode_special_tokens = True
    found[listed] = tokenizer.encode("a <mask>", add_special_tokens=False).tokens
print(f"tokenizers {tokenizers.__version__}, <mask> among the model's pieces: {found[True]}; not among them: {found[False]}")
sys.exit(not ("<mask>" in found[True] and "<mask>" not in found[False]))
PYTHON
