# make bench | make test | make lint; each sets up what it needs first.
PYTHON ?= python3
ARGS ?=
RUN := .venv/bin
STAMP := .venv/.setup-done

.PHONY: setup bench test lint pil clean

setup: $(STAMP) pil

$(STAMP): pyproject.toml .ci/setup .ci/pillow-simd
	PYTHON=$(PYTHON) bash .ci/setup
	touch $@

pil: $(STAMP)
	@test -n "$$(ls .venv/wheels/pillow_simd-*.whl 2>/dev/null)" && bash .ci/pillow-simd || true

bench: setup
	$(RUN)/fasttricks bench --pipeline dali $(ARGS)

test: setup
	$(RUN)/python -m pytest -q $(ARGS)

lint: setup
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy

clean:
	rm -rf .venv build dist *.egg-info
