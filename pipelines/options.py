"""What a loader was asked for, checked once so that back ends need not."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from fasttricks.cpus import available_cpus
from fasttricks.errors import BatchSizeError, UnknownNameError
from fasttricks.kernels.augment import Augment, OpsParams, PlanParams
from fasttricks.kernels.mix.kinds import MIXING, Mix, pictures_per_output

WORK = ("decode", "normalise", "full")
ON_ERROR = ("raise", "replace")
FINISH = ("auto", "graph", "fused")
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
MOST_THREADS = 1024
"""More than any machine has use for; a slip of 10**6 would take all of its memory."""


def integer(value: Any) -> int | None:
    """Whatever counts as an integer, NumPy's and torch's too, as Python's own; None if none, and
    for True and False, which are mistakes where a number is meant."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def epoch_number(epoch: Any) -> int:
    """An epoch as Python's integer; ValueError if it cannot be one."""
    number = integer(epoch)
    if number is None or not 0 <= number < 2**32:
        raise ValueError(f"epoch must be an integer in [0, 2**32); got {epoch!r}")
    return number


def _from_environment(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.strip().isdecimal():
        raise ValueError(f"the environment variable {name} must be an integer; it is {text!r}")
    return int(text)


def _rank() -> int:
    # Lightning's own launcher sets one without the other: all processes would read the same part.
    if "RANK" not in os.environ and _from_environment("WORLD_SIZE", 1) > 1:
        raise ValueError(
            f"the environment has WORLD_SIZE={os.environ['WORLD_SIZE']} but no RANK, so which part "
            "of the data is meant for this process is not known; give rank and world_size"
        )
    return _from_environment("RANK", 0)


@dataclass(frozen=True, kw_only=True)
class Options:
    """The settings of `make_loader`, which explains them. Once made, they are valid and final."""

    batch_size: int
    train: bool = True
    size: int | Callable[[int], int] = 224
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype = torch.float32
    augment: Augment = field(default_factory=Augment)
    work: str = "full"
    views: int = 1
    seed: int = 0
    rank: int = field(default_factory=_rank)
    world_size: int = field(default_factory=lambda: _from_environment("WORLD_SIZE", 1))
    num_threads: int = field(default_factory=lambda: min(available_cpus(), MOST_THREADS))
    on_error: str = "raise"
    drop_last: bool = True
    cut: bool = True
    index: bool | str | os.PathLike[str] = True
    exact: bool = True
    mix: tuple[Mix, ...] = ()
    mix_group: int = 32
    finish: str = "auto"

    def __post_init__(self) -> None:
        for name in ("train", "drop_last", "cut", "exact"):
            if not isinstance(given := getattr(self, name), bool):
                raise ValueError(f"{name} must be True or False; got {given!r}")
        self._check_integers()
        if not isinstance(self.augment, Augment):
            raise ValueError(f"augment must be fasttricks.Augment(...); got {self.augment!r}")
        if self.device.type not in ("cpu", "cuda"):
            raise ValueError(f"device must be cpu or cuda[:n]; got {str(self.device)!r}")
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise ValueError(f"device {self.device} was asked for, but torch sees no CUDA device")
        if self.dtype not in DTYPES:
            known = ", ".join(map(str, DTYPES))
            raise ValueError(f"dtype must be one of {known}; got {self.dtype!r}")
        if self.work not in WORK:
            raise UnknownNameError("work level", self.work, list(WORK))
        if self.on_error not in ON_ERROR:
            raise UnknownNameError("on_error", self.on_error, list(ON_ERROR))
        if self.finish not in FINISH:
            raise UnknownNameError("finish", self.finish, list(FINISH))
        if self.finish != "auto" and self.work == "decode":
            raise ValueError(
                f'finish="{self.finish}" is for finished pictures, and work="decode" stops before '
                "that; leave out one of the two"
            )
        if not isinstance(self.index, bool | str | os.PathLike):
            raise ValueError(
                f"index must be True, False, or the path of a seek index; got {self.index!r}"
            )
        if not (self.cut or isinstance(self.index, bool)):
            raise ValueError(
                f"cut=False decodes whole files, for which the index {os.fspath(self.index)} is of "
                "no use; leave out one of the two"
            )
        if not callable(self.size):
            self.size_at(0)
        if self.mix:
            self._check_mix()
        # Two ways to say the same: back ends look at `index`, and `cut` agrees with it.
        if not self.cut or self.index is False:
            object.__setattr__(self, "cut", False)
            object.__setattr__(self, "index", False)

    def _check_integers(self) -> None:
        counts = ("batch_size", "views", "world_size", "mix_group")
        for name in (*counts, "num_threads", "rank", "seed"):
            value = integer(given := getattr(self, name))
            if name in counts and (value is None or value < 1):
                raise ValueError(f"{name} must be an integer >= 1; got {given!r}")
            if name == "num_threads" and (value is None or not 1 <= value <= MOST_THREADS):
                raise ValueError(f"{name} must be an integer in [1, {MOST_THREADS}]; got {given!r}")
            if name == "rank" and (value is None or not 0 <= value < self.world_size):
                raise ValueError(f"rank must lie in [0, {self.world_size}); got {given!r}")
            if name == "seed" and (value is None or not 0 <= value < 2**64):
                raise ValueError(f"seed must be an integer in [0, 2**64); got {given!r}")
            object.__setattr__(self, name, value)

    def _check_mix(self) -> None:
        if not self.train:
            raise ValueError("mix is for training; leave it out where train=False")
        if self.work == "decode":
            raise ValueError('mix needs finished pictures: work "normalise" or "full"')
        if isinstance(self.mix[0], MIXING) and self.samples_per_step % self.mix_group:
            raise BatchSizeError(
                f"pictures are mixed inside groups of {self.mix_group} samples, and a batch of "
                f"{self.samples_per_step} is no multiple of that",
                "give another batch_size or another mix_group",
                ("batch_size", "mix_group"),
            )

    @property
    def samples_per_step(self) -> int:
        """Samples that this rank reads in a step: batch_size, or twice that to mix two batches."""
        return self.batch_size * pictures_per_output(self.mix)

    @property
    def global_batch(self) -> int:
        """Samples that all ranks together take in one step."""
        return self.samples_per_step * self.world_size

    @property
    def finished_dtype(self) -> torch.dtype | None:
        """Of finished pictures; None where the work ends at uint8 (work="decode")."""
        return None if self.work == "decode" else self.dtype

    def size_at(self, epoch: int) -> int:
        """Side of the square output pictures in this epoch, in pixels."""
        size = integer(given := self.size(epoch) if callable(self.size) else self.size)
        if size is None or not 1 <= size <= 16384:
            raise ValueError(f"size must be an integer in [1, 16384]; got {given!r}")
        return size

    def params_at(self, epoch: int) -> PlanParams:
        """The augmentation of this epoch as the numbers that the plan takes."""
        size = self.size_at(epoch)
        return self.augment.params(size=size, train=self.train, work=self.work)

    def ops_at(self, epoch: int) -> OpsParams | None:
        """What is drawn in this epoch for uint8 pixels; None if nothing is done to them."""
        size = self.size_at(epoch)
        return self.augment.ops(size=size, train=self.train, work=self.work)
