# Everything that this project does, on a machine with Python 3.11, pip and make. `make help` lists the targets.
PYTHON ?= python3
.DEFAULT_GOAL := help
.PHONY: help setup book read test lab bench gpu lint lock clean
# A rented GPU has no .venv: there, PYTHON itself has torch.
RUN = PYTHONPATH=. $(if $(wildcard .venv/ok),.venv/bin/python,$(PYTHON))
DEVICE ?= cpu
DEADLINE ?= 360
TABLE ?= blocks
DATA ?= auto
GPU = $(findstring cuda,$(DEVICE))
KEEP = --device $(DEVICE) --results $(if $(GPU),gpu-results,results)/benchmarks

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

setup: .venv/ok  ## everything, into .venv

.venv/ok: requirements.lock pyproject.toml
	@echo "Setting up .venv: the first time this downloads torch and the book's tools."
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.lock
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv-read/ok: requirements.lock pyproject.toml
	@echo "Setting up .venv-read: what reading needs, without torch."
	$(PYTHON) -m venv .venv-read
	.venv-read/bin/pip install --quiet --disable-pip-version-check -c requirements.lock setuptools
	.venv-read/bin/pip install --quiet --disable-pip-version-check -c requirements.lock --no-build-isolation -e ".[book]"
	@touch $@

book: .venv/ok  ## train the live example, execute the notebooks, build the book
	.venv/bin/python -m landmarklib book --live

read: .venv-read/ok  ## build the book from the committed records, without torch
	.venv-read/bin/python -m landmarklib book

test: .venv/ok  ## all tests, then the regression checks of the notebooks
	.venv/bin/python -m pytest -n auto --dist loadfile
	.venv/bin/python -m pytest -n auto --dist loadfile --nbval-lax --nbval-current-env --nbval-cell-timeout 120 -o addopts= -p no:cacheprovider -q notebooks

lab: .venv/ok  ## JupyterLab on the notebooks
	.venv/bin/jupyter lab --notebook-dir notebooks

bench:  ## every benchmark that keeps its times, on DEVICE=cpu or cuda; the machine should be idle
	$(RUN) benchmarks/train_step.py $(KEEP) $(if $(GPU),--no-compile)
	$(RUN) benchmarks/evaluation.py $(KEEP) $(if $(GPU),--images 3200 --photos 3200)
	$(RUN) benchmarks/table.py $(KEEP) $(if $(GPU),--images 3200 --seeds 5)
	$(RUN) benchmarks/against_kornia.py $(KEEP)
	$(if $(GPU),,$(RUN) benchmarks/train_step.py $(KEEP) --processes 2 --threads 1)
	$(if $(GPU),,$(RUN) benchmarks/forms.py $(KEEP))

gpu: export LANDMARKLIB_DATA := $(or $(LANDMARKLIB_DATA),$(wildcard build/data))
gpu: build/tested-on-gpu  ## on a machine with a GPU: its tests, then DEADLINE seconds of TABLE in full; again to go on
	$(RUN) -m landmarklib run $(TABLE) data=$(DATA) budget=paper device=cuda deadline=$(DEADLINE) results=gpu-results

build/tested-on-gpu: tests/test_gpu.py tests/packs.py $(shell find landmarklib -name '*.py')
	$(RUN) -c "import sys, torch; sys.exit(0 if torch.cuda.is_available() else 'torch sees no GPU here')"
	$(RUN) -m pytest -q -o addopts= -p no:cacheprovider tests/test_gpu.py
	mkdir -p $(@D) && touch $@

lint: .venv/ok  ## style
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

# torch pins the CUDA packages of its GPU builds itself, and a CPU build does without them: they are not locked here.
lock:  ## write requirements.lock anew from pyproject.toml (needs uv); keeps what is pinned unless UPGRADE=--upgrade
	uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --extra dev $(UPGRADE) pyproject.toml -o requirements.lock
	sed -i -E '/^(nvidia|cuda|triton)/d' requirements.lock

clean:  ## remove what was built, but no record
	rm -rf .venv .venv-read build book/_build book/_generated book/data book/tables *.egg-info

