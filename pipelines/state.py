"""The state of a loader: whether one that was saved can be gone on from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fasttricks.pipelines.options import integer


def check_state(state: Any, here: dict[str, int]) -> None:
    """Whether a loader whose state is `here` can go on where `state` was taken.

    Raises:
        ValueError: it is of another plan version or data set, or no loader state at all.
    """
    if not isinstance(state, Mapping):
        raise ValueError(f"not a loader state: a {type(state).__name__}, not a dict")
    if missing := here.keys() - state.keys():
        raise ValueError(f"not a loader state: it lacks {', '.join(sorted(missing))}")
    for key in ("plan_version", "samples"):
        if integer(state[key]) is None:
            raise ValueError(f"loader state: {key} must be an integer; got {state[key]!r}")
    if state["plan_version"] != here["plan_version"]:
        raise ValueError(
            f"the state was saved under plan version {state['plan_version']}, this is version "
            f"{here['plan_version']}: the same samples would get other augmentations"
        )
    if state["samples"] != here["samples"]:
        raise ValueError(
            f"the state was saved with {state['samples']} samples, this data set has "
            f"{here['samples']}: the order would be another"
        )
    limits = {"seed": 2**64, "epoch": 2**32, "consumed": here["samples"] + 1}
    for key, limit in limits.items():
        number = integer(state[key])
        if number is None or not 0 <= number < limit:
            raise ValueError(f"loader state: {key} must lie in [0, {limit}); got {state[key]!r}")
