"""What is declared of a kernel so that it can be timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fasttricks.errors import FasttricksError


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What cases are made for."""

    device: torch.device
    batch_size: int
    size: int
    """Side of the output pictures."""


def as_given(inputs: Any) -> Any:
    """Inputs need no preparing."""
    return inputs


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to do a kernel's work: ours, or somebody else's."""

    name: str
    call: Callable[[Any], Any]
    """Does the work for one copy of the inputs; gives the result, a tensor or an array."""
    prepare: Callable[[Any], Any] = as_given
    """Turns a copy of the inputs into what `call` takes, once and not timed."""
    differs: str = ""
    """In what its work is another; empty where it gives the reference's numbers (checked)."""
    restore: Callable[[Any], object] | None = None
    """For work in place: undoes what a call did to what `prepare` gave, not timed."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A kernel on inputs of one kind."""

    name: str
    nbytes: int
    """What a call must read and write, each byte once."""
    make: Callable[[int], Any]
    """Inputs, with the output buffer where a way takes one, from a seed. Calls get a copy of their
    own in turn, so that neither inputs nor outputs are in a cache."""
    reference: Callable[[Any], NDArray[np.float64]]
    """The result in float64, or the first rows of it, for inputs that `make` gave; asked for after
    a way has worked on them."""
    rtol: float
    atol: float
    ways: tuple[Way, ...]
    """Ours comes first; the others are compared with it."""
    usual: bool = True
    """Timed also where it was not asked for by name."""


def check(case: Case) -> None:
    """Compare each way that claims the reference's numbers with the reference.

    Raises:
        FasttricksError: one of them is wrong.
    """
    for seed, way in enumerate(case.ways):
        inputs = case.make(seed)
        result = way.call(way.prepare(inputs))
        if way.differs:
            continue
        expected = case.reference(inputs)
        found = _numbers(result)[: len(expected)]
        if found.shape != expected.shape:
            raise FasttricksError(
                f"{case.name}: {way.name} gives {found.shape} where the reference gives "
                f"{expected.shape}; nothing was timed"
            )
        off = np.abs(found - expected) - case.rtol * np.abs(expected)
        if not off.max() <= case.atol:  # nor if it is not a number
            raise FasttricksError(
                f"{case.name}: {way.name} is {off.max():.3g} off the reference where {case.atol} "
                "is allowed; nothing was timed"
            )


def _numbers(result: Any) -> NDArray[np.float64]:
    if isinstance(result, torch.Tensor):
        result = result.detach().to("cpu", torch.float64).numpy()
    return np.asarray(result, np.float64)
