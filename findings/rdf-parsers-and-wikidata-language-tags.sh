#!/usr/bin/env bash
# One would guess: what Wikidata's own RDF dumps hold is N-Triples that any RDF parser reads; a language tag is a string between @ and the blank.
# What happens: pyoxigraph holds tags against BCP 47 and ends at "zh-classical", whose second part has nine letters; the tag is the code that
# labels in Classical Chinese had for years, and dumps have it. rdflib reads it, and so does pyoxigraph with lenient=True, which checks less.
# Why it matters here: one label would end the reading of a dump of some thousand million lines, so truthy dumps are read by a reader of our own
# that takes tags as they stand.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyoxigraph==0.5.13 rdflib==7.6.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import pyoxigraph
import rdflib

LINE = '<http://www.wikidata.org/entity/Q1> <http://www.w3.org/2000/01/rdf-schema#label> "\u5b87\u5b99"@{} .\n'
found = {}
for tag in ("zh-classical", "zh"):
    line = LINE.format(tag)
    for name, options in (("strict", {}), ("lenient", {"lenient": True})):
        try:
            found[tag, name] = len(list(pyoxigraph.parse(line.encode(), format=pyoxigraph.RdfFormat.N_TRIPLES, **options)))
        except SyntaxError as error:
            found[tag, name] = str(error)
    found[tag, "rdflib"] = len(rdflib.Graph().parse(data=line, format="nt"))
for (tag, name), result in found.items():
    print(f"pyoxigraph {version('pyoxigraph')}, rdflib {version('rdflib')}: {tag}, {name}: {result}")
refused = isinstance(found["zh-classical", "strict"], str)
sys.exit(not (refused and found["zh-classical", "lenient"] == found["zh-classical", "rdflib"] == found["zh", "strict"] == 1))
PYTHON
