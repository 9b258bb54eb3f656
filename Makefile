# make bench | make test | make lint; each sets up what it needs first.
# make bench ARGS="--pipeline all --data DIR"; make test ARGS="tests/kernels -k resize"
PYTHON ?= python3
ARGS ?=
RUN := .venv/bin
STAMP := .venv/.setup-done

.PHONY: setup bench test lint clean

setup: $(STAMP)
	@bash .ci/check

# .ci/setup makes the stamp, and only when nothing is missing: else it has more to do next time.
$(STAMP): pyproject.toml .ci/setup .ci/pillow-simd
	PYTHON=$(PYTHON) bash .ci/setup $@

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
