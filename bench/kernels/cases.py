"""Which kernels are timed."""

from __future__ import annotations

from collections.abc import Iterator

from fasttricks.bench.kernels import finish, mix_float, mixing, resize, stage
from fasttricks.bench.kernels.case import Case, Scale

ALL = (resize.cases, stage.cases, finish.cases, mixing.cases, mix_float.cases)
"""One for each kernel: gives its cases for a scale, none where it does not run on the device."""


def all_cases(scale: Scale) -> Iterator[Case]:
    """Those of every kernel."""
    for cases in ALL:
        yield from cases(scale)
