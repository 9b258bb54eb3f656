"""What is declared of a kernel so that it can be timed."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fasttricks.errors import FasttricksError

LONGEST = 300
"""Letters of a reason."""


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

    @property
    def ours(self) -> bool:
        """Whether it is this project's, as the first of a case and some others are."""
        return self.name.partition(" ")[0] == "fasttricks"


def reason(error: Exception) -> str:
    """Why something failed, in one line; what compilers say has many."""
    words = textwrap.shorten(str(error), LONGEST, placeholder=" ...")
    return words if isinstance(error, FasttricksError) else f"{type(error).__name__}: {words}"


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
    """Let each way work once, and compare those that claim the reference's numbers with them.

    Raises:
        FasttricksError: one of them is wrong, or failed; says which and why in one line.
    """
    for seed, way in enumerate(case.ways):
        try:
            _compare(case, way, case.make(seed))
        except Exception as error:
            raise FasttricksError(f"{way.name} failed: {reason(error)}") from error


def _compare(case: Case, way: Way, inputs: Any) -> None:
    result = way.call(way.prepare(inputs))
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()  # only then does a device tell what failed
    if way.differs:
        return
    expected = case.reference(inputs)
    found = _numbers(result)[: len(expected)]
    if found.shape != expected.shape:
        raise FasttricksError(f"it gives {found.shape} where the reference gives {expected.shape}")
    off = np.abs(found - expected) - case.rtol * np.abs(expected)
    if not off.max() <= case.atol:  # nor if it is not a number
        allowed = f"the reference where {case.atol} is allowed"
        raise FasttricksError(f"it is {off.max():.3g} off {allowed}")


def _numbers(result: Any) -> NDArray[np.float64]:
    if isinstance(result, torch.Tensor):
        result = result.detach().to("cpu", torch.float64).numpy()
    return np.asarray(result, np.float64)
