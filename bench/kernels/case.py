"""What is declared of a kernel so that it can be timed."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


class WayFailedError(FasttricksError):
    """A way could not do its work, or did it wrong."""

    def __init__(self, way: Way, why: str) -> None:
        super().__init__(f"{way.name} failed: {why}")
        self.way = way


@contextmanager
def blamed(way: Way) -> Iterator[None]:
    """Around the work of a way: whatever goes wrong is its failure."""
    try:
        yield
    except Exception as error:
        raise WayFailedError(way, reason(error)) from error


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
    """Compare each way that claims the reference's numbers with the reference.

    Raises:
        WayFailedError: one of them is wrong, or failed.
    """
    for seed, way in enumerate(case.ways):
        inputs = case.make(seed)
        with blamed(way):
            result = way.call(way.prepare(inputs))
            if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
                torch.cuda.synchronize()  # only then does a device tell what failed
        if not way.differs:
            _compare(case, way, result, case.reference(inputs))


def _compare(case: Case, way: Way, result: Any, expected: NDArray[np.float64]) -> None:
    found = _numbers(result)[: len(expected)]
    if found.shape != expected.shape:
        shapes = f"{found.shape} where the reference gives {expected.shape}"
        raise WayFailedError(way, f"it gives {shapes}")
    off = np.abs(found - expected) - case.rtol * np.abs(expected)
    if not off.max() <= case.atol:  # nor if it is not a number
        allowed = f"the reference where {case.atol} is allowed"
        raise WayFailedError(way, f"it is {off.max():.3g} off {allowed}")


def _numbers(result: Any) -> NDArray[np.float64]:
    if isinstance(result, torch.Tensor):
        result = result.detach().to("cpu", torch.float64).numpy()
    return np.asarray(result, np.float64)
