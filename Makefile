# XLM-K: dumps to tables, a model pre-trained on them, its scores. `make` lists the targets.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
READY  := $(VENV)/.ready

comma := ,

# The variables a user sets. Without dumps, in data/dumps or where DUMPS says, the bundled sample world is used; so it is with
# an empty DUMPS. The tokenizer is that of the encoder: ENCODER (a folder or a name of the Hub), or the one RECIPE starts from.
DUMPS  ?= $(wildcard data/dumps)
LANGS  ?=
RUNNER ?=
BEAM   ?=
TABLES ?=
RECIPE ?= $(if $(DUMPS),base,tiny)
ENCODER ?=
SITELINKS ?=
OUT    ?=
EVAL   ?=
TASKS  ?= ner xnli qa probing
FLAGS  ?=
CPU    ?=
NAME   ?=
FOLDER ?=
UPLOAD ?=

DATA   := $(if $(DUMPS),$(or $(OUT),data/build),$(or $(OUT),data/sample))
RUNS   := $(if $(DUMPS),runs/$(RECIPE),runs/sample)
NEWEST := $(if $(DUMPS),$(RUNS),$(RUNS)/mlm+mep+oe)
ENCODER_base  := xlm-roberta-base
ENCODER_large := xlm-roberta-large
ENCODER_paper := xlm-roberta-base
START := $(or $(ENCODER),$(ENCODER_$(RECIPE)))
TOKENIZER_FLAGS := $(if $(START),--tokenizer "$(START)")
ENCODER_FLAGS := $(if $(ENCODER),--encoder "$(ENCODER)")
BEAM_FLAGS := $(if $(RUNNER)$(BEAM),-- $(if $(RUNNER),--runner=$(RUNNER)) $(BEAM))
# SITELINKS: without Wikidata's dump. `yes` takes the small tables that `make download SITELINKS=yes` fetches beside the dumps.
SITELINKS_FROM := $(if $(subst yes,,$(SITELINKS)),$(SITELINKS),$(DUMPS))
SITELINKS_FLAGS := $(if $(SITELINKS),--sitelinks-sql "$(SITELINKS_FROM)")
FETCH_FLAGS := $(if $(SITELINKS),--no-wikidata $(if $(subst yes,,$(SITELINKS)),,--page-props))
OBJECTIVES ?= $(if $(SITELINKS),mlm$(comma)mep)
# PyTorch's own index has its wheels without CUDA; what is installed from there, as 2.13.0+cpu, is not fetched again from PyPI.
CPU_TORCH := --no-deps --index-url https://download.pytorch.org/whl/cpu torch
LANG_FLAGS := $(if $(LANGS),--languages "$(LANGS)")

# Shapes and types that annotations of the trainer claim are checked at every call while its tests run.
SHAPES := --jaxtyping-packages=model,beartype.beartype

.DEFAULT_GOAL := help
.PHONY: help setup plan download build-data verify-data pretrain evaluate report publish test commands test-slow faults check bench evidence doctor lock clean

help:  ## list the targets and the variables
	@echo "usage: make TARGET [DUMPS=folder] [LANGS=\"sw yo tr\"] [RECIPE=name] [ENCODER=folder or name] [SITELINKS=yes or file] [OUT=folder] [RUNNER=name] [BEAM=\"--flag=…\"] [TABLES=url]"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "now: DUMPS='$(DUMPS)' LANGS='$(LANGS)' RECIPE='$(RECIPE)' ENCODER='$(START)' OUT='$(OUT)' RUNNER='$(RUNNER)' BEAM='$(BEAM)' TABLES='$(TABLES)'"
	@echo "tables go to $(DATA), runs to $(RUNS)"

setup: $(READY)  ## make .venv with everything in it, from constraints.txt; CPU=1 without CUDA

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, found " + sys.version)'
	@echo "setup: everything goes into $(VENV): 2.7 GB$(if $(CPU),, (and CUDA's libraries where pip takes torch for NVIDIA GPUs; CPU=1 leaves them out)), some minutes"
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip
	$(if $(CPU),$(PY) -m pip install --constraint constraints.txt $(CPU_TORCH))
	$(PY) -m pip install --constraint constraints.txt --editable '.[pipeline,model,report,dev]'
	@touch $(READY)
	@echo "setup: done. What this machine has: make doctor. Next: make pretrain (the sample world), or make plan LANGS=\"sw yo\" (your own)"

plan: $(READY)  ## files, disk, hours and memory of a build before it begins: LANGS="sw yo tr", or DUMPS=folder
	$(PY) -m pipeline plan $(LANG_FLAGS) $(if $(DUMPS),--dumps "$(DUMPS)",--date $(or $(DATE),latest)) $(if $(SITELINKS),--no-wikidata) $(FLAGS)

download: $(READY)  ## fetch and verify dumps: LANGS="sw yo tr" DATE=20261101 (or latest)
	$(PY) -m pipeline download $(LANG_FLAGS) $(FETCH_FLAGS) --date $(or $(DATE),latest) --output "$(or $(OUT),data/dumps)"

build-data: $(READY)  ## dumps to token shards: DUMPS=folder LANGS="sw yo tr", or the sample world
ifeq ($(DUMPS),)
	$(PY) -m pipeline sample-world --output data/sample-dumps
	$(PY) -m pipeline build --dumps data/sample-dumps $(LANG_FLAGS) --output "$(DATA)" --validation-per-mille 100 $(BEAM_FLAGS)
else
	$(PY) -m pipeline build --dumps "$(DUMPS)" $(LANG_FLAGS) --output "$(DATA)" $(TOKENIZER_FLAGS) $(SITELINKS_FLAGS) $(if $(TABLES),--tables $(TABLES)) $(BEAM_FLAGS)
endif

verify-data: $(READY)  ## check every shard of the build against its manifest
	$(PY) -m pipeline verify "$(DATA)"

pretrain: build-data  ## train RECIPE on the build; without DUMPS: three tiny runs on the sample world, compared
ifeq ($(DUMPS),)
	$(PY) -m model pretrain $(RECIPE) --data "$(DATA)/tokens" --objectives mlm --output "$(RUNS)/mlm"
	$(PY) -m model pretrain $(RECIPE) --data "$(DATA)/tokens" --objectives mlm,mep --output "$(RUNS)/mlm+mep"
	$(PY) -m model pretrain $(RECIPE) --data "$(DATA)/tokens" --objectives mlm,mep,oe --output "$(RUNS)/mlm+mep+oe"
	$(PY) -m model compare "$(RUNS)/mlm" "$(RUNS)/mlm+mep" "$(RUNS)/mlm+mep+oe" --data "$(DATA)/tokens"
else
	$(PY) -m model pretrain $(RECIPE) --data "$(DATA)/tokens" --output "$(RUNS)" $(ENCODER_FLAGS) $(if $(OBJECTIVES),--objectives $(OBJECTIVES)) $(FLAGS)
endif

evaluate: $(READY)  ## retrieval and alignment of the finished run; EVAL=folder adds TASKS (FLAGS for each of them)
	@[ -d "$(NEWEST)" ] || { echo "there is no run in $(NEWEST): train one with make pretrain, with the same DUMPS and RECIPE" >&2; exit 10; }
	$(PY) -m model evaluate retrieval --model "$(NEWEST)" --data "$(DATA)/tokens"
	[ ! -d "$(DATA)/wikidata" ] || $(PY) -m model evaluate alignment --model "$(NEWEST)" --data "$(DATA)/wikidata" --tokens "$(DATA)/tokens"
ifneq ($(EVAL),)
	set -e; for task in $(TASKS); do $(PY) -m model evaluate $$task --model "$(NEWEST)" --data "$(EVAL)" $(FLAGS); done
endif

report: $(READY)  ## HTML pages: what the build's tables hold, and how the finished run learnt
	$(PY) -m pipeline report "$(DATA)"
	[ ! -d "$(NEWEST)" ] || $(PY) -m model report --run "$(NEWEST)"

publish: $(READY)  ## the finished model to the Hub as NAME=group/name, or FOLDER=dataset; says what would go, UPLOAD=yes does it
	$(PY) -m pipeline publish "$(or $(FOLDER),$(NEWEST)/model)" --name "$(NAME)" $(if $(UPLOAD),--upload) $(FLAGS)

test: check  ## what must pass before a change lands: check, then the tests, in under ten minutes on two cores
	$(PY) -m pytest -n 2 $(SHAPES)

commands: $(READY)  ## every command of README and docs, checked: flags, targets, files
	$(PY) -m pytest -v tests/test_documented_commands.py

test-slow: $(READY)  ## the tests that take minutes each
	$(PY) -m pytest -m slow $(SHAPES)

faults: $(READY)  ## the faults of SECURITY.md and docs/faults.md, long form, and the page anew
	XLMK_FAULTS_REPORT=docs/faults.md $(PY) -m pytest tests/faults -m 'slow or not slow'

check: $(READY)  ## the fast part of test: style, format, types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(READY)  ## the benchmarks of benchmarks/README.md, short form
	$(PY) -m benchmarks

parser-tests: $(READY)  ## MediaWiki's own parser tests, text and links: PARSOID=checkout of wikimedia/mediawiki-services-parsoid
	$(PY) -m benchmarks.parser_tests --folder $(or $(PARSOID),parsoid)/tests/parser

evidence: $(READY)  ## does knowledge help? every arm from three seeds on real facts: KNOWLEDGE=folder of mParaRel's files
	$(PY) -m benchmarks.evidence --knowledge $(or $(KNOWLEDGE),data/knowledge) --output $(or $(OUT),runs/evidence)

doctor: $(READY)  ## what this machine has and what is missing
	$(PY) -m pipeline doctor

clean:  ## remove caches; data and runs stay
	rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis build *.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
