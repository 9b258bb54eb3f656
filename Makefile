# make bench | make test | make lint | make docs; each sets up what it needs first.
# make bench ARGS="--pipeline all --data DIR"; make test ARGS="tests/kernels -k resize"
# Tests run in a process per core; one process is best on a GPU: make test ARGS="-n 0 -m gpu"
PYTHON ?= python3
ARGS ?=
RUN := .venv/bin
STAMP := .venv/.setup-done

.PHONY: setup bench test lint docs clean

setup: $(STAMP)
	@bash .ci/check

# .ci/setup makes the stamp, and only when nothing is missing: else it has more to do next time.
$(STAMP): pyproject.toml .ci/setup .ci/pillow-simd
	PYTHON=$(PYTHON) bash .ci/setup $@

bench: setup
	$(RUN)/fasttricks bench --pipeline dali $(ARGS)

test: setup
	$(RUN)/python -m pytest -q -n auto --dist worksteal $(ARGS)

lint: setup
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy

# The site, in site/; it needs no network to be built or read.
docs: setup
	@$(RUN)/python -c "import material, mkdocstrings" 2>/dev/null || $(RUN)/python -m pip install -q -e ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(RUN)/mkdocs build --strict

clean:
	rm -rf .venv build site dist *.egg-info
