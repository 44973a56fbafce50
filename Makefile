# Everything starts here: `make help`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup run dev demo check test test-again matrix coverage storm image-proof systems arm64 docs update-ytdlp clean

# "make check PYTHON=python3.13" uses this Python, in an environment of its own: .venv-3.13.
PYTHON ?=
ifeq ($(PYTHON),)
VENV := .venv
else
VERSION := $(shell "$(PYTHON)" -c 'import sys; print("%d.%d%s" % (*sys.version_info[:2], sys.abiflags))' 2>/dev/null)
ifeq ($(VERSION),)
$(error PYTHON=$(PYTHON) is no Python that runs)
endif
VENV := .venv-$(VERSION)
endif
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## install what the service needs into .venv (done by itself when needed), or into .venv-VERSION with PYTHON=...

$(READY): requirements.txt requirements-stores.txt scripts/setup.sh
	@PYTHON="$(PYTHON)" scripts/setup.sh requirements.txt $(VENV)
	@touch $@

$(READY_DEV): $(READY) requirements-dev.txt
	@PYTHON="$(PYTHON)" scripts/setup.sh requirements-dev.txt $(VENV)
	@touch $@

run: $(READY) ## start everything; Ctrl-C stops it
	@exec $(PY) start_server.py

dev: $(READY) ## the same for development: begins again when a source file changes
	@exec $(PY) run.py

demo: $(READY_DEV) ## the whole story, from a link to a clip, without internet
	@exec $(PY) -m tests.system.demo

check: $(READY_DEV) ## format, lint, types, layers, fast tests: under three minutes
	@echo "$$($(PY) --version) in $(VENV)"
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m bandit -q -r src -ll
	$(VENV)/bin/lint-imports --no-cache
	$(PY) -m pytest -q -m "not slow and not browser and not real_youtube"

test: $(READY_DEV) ## every test but those that need the real site; installs what they need
	@echo "$$($(PY) --version) in $(VENV)"
	@scripts/test-packages.sh
	OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -n 3 --dist loadgroup -m "not real_youtube and not page_matrix" $(TEST_OPTIONS)

test-again: $(READY_DEV) ## the tests that failed last, alone, if there are at most three
	@$(PY) -m scripts.test_again

matrix: $(READY_DEV) ## every row of the large tables, of which make test runs representatives: about 25 minutes
	@echo "$$($(PY) --version) in $(VENV)"
	@scripts/test-packages.sh
	OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -n 3 --dist loadgroup -m "matrix and not real_youtube" --matrix

test-page: $(READY_DEV) ## every test of the web page: views, sizes, languages, frame rates
	@scripts/test-packages.sh
	$(PY) -m pytest tests/system/page

pictures: $(READY_DEV) ## the pictures of the web page in docs/pictures; look at them before you commit
	@scripts/test-packages.sh
	$(PY) -m tests.system.page.pictures

coverage: ## make test, told which lines of src/ no test runs; a third slower
	$(MAKE) test TEST_OPTIONS="--cov --cov-report=term:skip-covered"

storm: $(READY_DEV) ## five storms of a hundred kills each over the whole service: about 40 minutes
	$(PY) -m tests.resilience.storm

image-proof: $(READY_DEV) ## build the container image without a daemon, start and use it: needs root, buildah, crun, debootstrap
	@exec $(PY) -m scripts.image

systems: $(READY_DEV) ## make run up to a first clip on fresh Debian systems: needs root, debootstrap, bubblewrap
	@exec $(PY) -m scripts.systems

arm64: $(READY_DEV) ## the same on arm64, emulated: needs qemu-user-static too, and an hour
	@exec $(PY) -m scripts.systems --architecture arm64 --debian 13 --user ordinary --ffmpeg without

docs: $(READY) ## write the generated pages and .env.example anew
	$(PY) -m scripts.generate.settings_docs
	$(PY) -m scripts.generate.error_docs
	$(PY) -m scripts.generate.postman_docs
	$(PY) -m scripts.generate.client_docs

update-ytdlp: $(READY) ## the newest yt-dlp and the yt-dlp-ejs that belongs to it, nothing else
	$(PY) scripts/update_ytdlp.py
	@touch $(READY)

clean: ## remove what was installed and generated; data, downloads and uploads stay
	rm -rf .venv .venv-* .cache .coverage .coverage.* htmlcov .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
