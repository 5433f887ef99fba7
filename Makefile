# make repro   the whole pipeline: an environment from the pinned requirements, then `dvc repro`
# make prove   after a run: whether it gave what the committed dvc.lock says, stage by stage
# make test    the tests, in the same environment
# make lint    style
# make lock    resolve requirements.in into requirements.txt anew

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro prove test lint lock

repro: $(READY)
	dvc repro

prove: $(READY)
	python -m voxdag.prove

test: $(READY)
	python -m pytest

lint: $(READY)
	ruff check . && ruff format --check .

lock: $(READY)
	python -m pip install --quiet uv
	uv pip compile --universal --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links \
	  --quiet requirements.in -o requirements.txt

$(READY): requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $(READY)
