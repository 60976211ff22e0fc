# Everything that this project does, on a machine with Python 3.11, pip and make. `make help` lists the targets.
PYTHON ?= python3
.DEFAULT_GOAL := help
.PHONY: help setup book read test lab bench gpu gpu-rehearsal wheels test-as-on-gpu lint lock clean
# A rented GPU has no .venv: there, PYTHON itself has torch.
RUN = PYTHONPATH=. $(if $(wildcard .venv/ok),.venv/bin/python,$(PYTHON))
DEVICE ?= cpu
DEADLINE ?= 780
PYTHON312 ?= python3.12
GPU_PYTHON = 3.12
GPU_TORCH = 2.11
GPU = $(findstring cuda,$(DEVICE))
FETCH = $(PYTHON) -m pip download --quiet --disable-pip-version-check --only-binary=:all: -c requirements.lock -d build/wheels \
	--python-version $(GPU_PYTHON) --implementation cp $(foreach n,2_28 2_17 2014,--platform manylinux$(if $(findstring _,$n),_)$n_x86_64)
WITH_TOOLING = pages/test_book.py pages/test_notebooks.py core/test_against_kornia.py loading/test_fetch.py
KEEP = --device $(DEVICE) --results $(if $(GPU),gpu-results,results)/benchmarks

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

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
	$(RUN) benchmarks/alignment.py $(KEEP)
	$(if $(GPU),,$(RUN) benchmarks/train_step.py $(KEEP) --processes 2 --threads 1)
	$(if $(GPU),,$(RUN) benchmarks/forms.py $(KEEP))

gpu:  ## on a rented machine with a GPU: DEADLINE seconds of comparisons, speed and the largest open table, or TABLE; again to go on
	$(RUN) benchmarks/gpu.py --seconds $(DEADLINE) $(if $(TABLE),--table $(TABLE)) $(if $(DATA),--data $(DATA))

gpu-rehearsal:  ## the same on the CPU with tiny settings, into build/rehearsal
	$(RUN) benchmarks/gpu.py --device cpu --seconds 300 $(if $(TABLE),--table $(TABLE)) $(if $(DATA),--data $(DATA))

# For a rented machine with CPython $(GPU_PYTHON) and a usual set of packages around torch: what training and the speeds need beyond them. They travel in build/wheels.
wheels:  ## download what a rented machine may lack into build/wheels
	rm -rf build/wheels && mkdir -p build/wheels
	$(FETCH) pydantic joblib
	$(FETCH) --no-deps kornia kornia-rs

.venv-gpu/ok: pyproject.toml
	@echo "Setting up .venv-gpu: torch $(GPU_TORCH) on Python $(GPU_PYTHON), without the book's tools; this downloads some gigabytes."
	$(PYTHON312) -m venv .venv-gpu
	.venv-gpu/bin/pip install --quiet --disable-pip-version-check "torch==$(GPU_TORCH).*" filelock jaxtyping jinja2 joblib matplotlib numpy pandas pillow pydantic pytest pytest-xdist scikit-learn scipy seaborn tqdm
	@touch $@

test-as-on-gpu: .venv-gpu/ok  ## the tests that need no notebook tooling, with the Python and torch of a rented machine
	PYTHONPATH=. .venv-gpu/bin/python -m pytest -q -o addopts= -p no:cacheprovider -n auto --dist loadfile $(addprefix --ignore tests/,$(WITH_TOOLING)) -k "not notebook and not against_kornia" tests

lint: .venv/ok  ## style
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

# torch pins the CUDA packages of its GPU builds itself, and a CPU build does without them: they are not locked here.
lock:  ## write requirements.lock anew from pyproject.toml (needs uv); keeps what is pinned unless UPGRADE=--upgrade
	uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --extra dev $(UPGRADE) pyproject.toml -o requirements.lock
	sed -i -E '/^(nvidia|cuda|triton)/d' requirements.lock

clean:  ## remove what was built, but no record
	rm -rf .venv .venv-read .venv-gpu build book/_build book/_generated book/data book/tables *.egg-info

