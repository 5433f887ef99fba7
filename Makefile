# make repro     the whole pipeline: an environment from the pinned requirements, `dvc repro`, then what came out
# make demo      the same on 60 recordings, in a folder of its own: a minute, once the environment is there
# make results   what the last run gave: metrics with intervals, pictures, what comes next
# make report    the last run as one page, report.html, that needs no network
# make prove     after a run: whether it gave what the committed dvc.lock says, stage by stage
# make test      the tests, in the same environment, in two processes
# make lint      style
# make types     types, by mypy, which reads those of the page's packages too: it brings these as `make serve` does
# make workflows what GitHub runs: zizmor, and actionlint where it is on PATH
# make judges    what judges enhanced speech beside DNSMOS (350 MB, optional): requirements-judges.txt
# make trackers  Weights & Biases, TensorBoard, MLflow and DVCLive (200 MB, optional): requirements-trackers.txt
# make cluster   Dask, for work on several machines (35 MB, optional): requirements-cluster.txt
# make serve     what the web page of `voxdag serve` is made of (130 MB, optional): requirements-serve.txt
# make browser   what the tests of that page drive it with (200 MB, optional): Chromium, by Debian's packages where none is
#                there
# make lock      resolve requirements.in and requirements-{judges,trackers,cluster,serve,lint}.in into the .txt beside them
#                anew, with hashes

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LINT := $(VENV)/.lint

export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro demo results report prove test lint types workflows judges trackers cluster serve browser lock

repro: $(READY)
	dvc repro
	python -m voxdag.results

demo: $(READY)
	python -m voxdag.demo

results: $(READY)
	python -m voxdag.results

report: $(READY)
	python -m voxdag.report

prove: $(READY)
	python -m voxdag.prove

test: $(READY)
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(READY)
	ruff check . && ruff format --check .

types: serve $(LINT)
	mypy

workflows: $(LINT)
	zizmor --offline --no-progress .github
	if command -v actionlint; then actionlint; else echo "no actionlint on PATH: syntax and expressions are unchecked"; fi

judges: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-judges.txt

trackers: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-trackers.txt

cluster: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-cluster.txt

serve: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-serve.txt

browser: serve $(LINT)
	command -v chromium || command -v chromium-browser || command -v google-chrome || \
	  (apt-get update --quiet=2 && apt-get install --quiet=2 --yes chromium)

COMPILE := uv pip compile --universal --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links \
  --generate-hashes --quiet

lock: $(READY)
	python -m pip install --quiet uv
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) -c requirements.txt requirements-judges.in -o requirements-judges.txt
	$(COMPILE) -c requirements.txt requirements-trackers.in -o requirements-trackers.txt
	$(COMPILE) -c requirements.txt requirements-cluster.in -o requirements-cluster.txt
	$(COMPILE) -c requirements.txt --override requirements-serve.override requirements-serve.in -o requirements-serve.txt
	$(COMPILE) -c requirements.txt requirements-lint.in -o requirements-lint.txt

$(READY): requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $(READY)

$(LINT): $(READY) requirements-lint.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-lint.txt
	touch $(LINT)
