"""Checkpoints: each is written whole or not at all, and old ones make room for new ones.

A folder holds `step-<number>.pt`, the newest `keep` of them, and `best-<metric>-<value>-<step>.pt`,
another name for the best one so far. What is inside are tensors and plain Python values only, so
`torch.load(weights_only=True)` reads it and a checkpoint from a stranger cannot run code. Each
record has a checksum, which is looked at before training goes on from it.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import shutil
import sys
from pathlib import Path

import torch

from fasttricks.data.unfinished import remove_abandoned, unfinished
from fasttricks.errors import DataError
from fasttricks.train.checkpoint_file import (
    FORMAT,
    CheckpointError,
    DamagedError,
    State,
    checksums,
    load,
)

BEST_BY = "top1"
"""The metric whose largest value makes a checkpoint the best."""

_STEP = re.compile(r"step-(\d+)\.pt")
_BEST = re.compile(r"best-.+?-(-?\d+\.\d+)-(\d+)\.pt")


class Checkpoints:
    """A folder of checkpoints of one run. One process writes it.

    Args:
        folder: made when the first one is saved.
        keep: how many of the newest to keep, at least 1; the best one is kept besides.
    """

    def __init__(self, folder: str | os.PathLike[str], *, keep: int = 3) -> None:
        if keep < 1:
            raise ValueError(f"keep={keep}: at least one checkpoint has to be kept")
        self.folder = Path(folder)
        self._keep = keep

    def save(self, state: State, *, step: int, epoch: int) -> Path:
        """Write a checkpoint, durably, then remove those that are no longer wanted.

        Args:
            state: what to keep.
            step, epoch: how many of each are done.

        Raises:
            CheckpointError: it cannot be written (no room, no permission); those before it are
                untouched.
        """
        content = {"format": FORMAT, "step": step, "epoch": epoch, "state": state}
        target = self._path(step)
        try:
            with unfinished(target, f"checkpoint {target}") as work, checksums():
                torch.save(content, work.file)
                work.publish()
            _make_durable(self.folder)
        except (OSError, RuntimeError) as error:  # torch turns failed writes into RuntimeError
            raise CheckpointError(self._failure(target, error)) from error
        self._prune(step)
        return target

    def evaluated(self, step: int, metrics: dict[str, float]) -> None:
        """Learn what the checkpoint of a step is worth: the best one gets its second name.

        Raises:
            CheckpointError: it cannot be named so (no room, no permission).
        """
        path, value = self._path(step), metrics.get(BEST_BY)
        if value is None or not math.isfinite(value) or not path.exists():
            return
        before = self.best()
        target = self.folder / f"best-{BEST_BY}-{value:.6f}-{step:08d}.pt"
        if before is not None and _value_of(target) <= _value_of(before):  # rounded alike
            return
        try:
            _name_also(path, target)
        except OSError as error:
            raise CheckpointError(self._failure(target, error)) from error
        self._prune(step)

    def drop(self, step: int) -> None:
        """Remove the newest checkpoint if it is of this step: it turned out to be worth nothing."""
        self._path(step).unlink(missing_ok=True)

    def all(self) -> list[Path]:
        """The newest ones, oldest first, without the best."""
        found = [p for p in self.folder.glob("step-*.pt") if _STEP.fullmatch(p.name)]
        return sorted(found, key=_step_of)

    def latest(self) -> Path | None:
        """The newest one; None if there is none."""
        return max(self.all(), key=_step_of, default=None)

    def best(self) -> Path | None:
        """The one with the best metric; None if none had it."""
        return max(self._bests(), key=_value_of, default=None)

    def candidates(self) -> list[Path]:
        """All that training may go on from: the newest first, and after all of those the best."""
        bests = sorted(self._bests(), key=_best_step_of, reverse=True)
        return [*reversed(self.all()), *bests]

    def load_latest(self) -> State | None:
        """What `load` gives of the newest one that is whole; None if there is none at all.

        Damaged ones before which it finds a whole one get the ending `.damaged`.

        Raises:
            CheckpointError: there are some, and none can be read.
        """
        damaged: list[Path] = []
        failure: CheckpointError | None = None
        for path in self.candidates():
            try:
                content = load(path)
            except CheckpointError as error:
                failure = failure or error
                damaged += [path] * isinstance(error, DamagedError)
                print(f"fasttricks: {error}; trying the one before", file=sys.stderr)
                continue
            for one in damaged:
                with contextlib.suppress(OSError):  # another process was faster, or may not
                    one.rename(f"{one}.damaged")
            return content
        if failure is not None:
            raise failure
        return None

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}.pt"

    def _bests(self) -> list[Path]:
        return list(self.folder.glob(f"best-{BEST_BY}-*.pt"))

    def _prune(self, step: int) -> None:
        """Remove what `step`, which training has come to, makes superfluous.

        What is ahead of it could not be read when training went on from before it, and counts for
        nothing: else a damaged checkpoint might be the only one that is kept.
        """
        best = self.best()
        ours = [path for path in self.all() if _step_of(path) <= step]
        stale = ours[: -self._keep] + [p for p in self._bests() if p != best]
        for path in stale:
            with contextlib.suppress(OSError):
                path.unlink()
        remove_abandoned(self.folder, ".pt")

    def _failure(self, target: Path, error: Exception) -> str:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, OSError):
            cause = cause.__cause__ or cause.__context__
        full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "the disk is full" if full else str(error).splitlines()[0]
        before = self.latest()
        left = f"the last whole one is {before}" if before else "there is none before it"
        return f"cannot write checkpoint {target}: {why}; {left}"


def file_of(path: Path, *, best: bool) -> Path:
    """A file as it is; of a run's folder the best checkpoint, or the newest.

    Raises:
        DataError: there is nothing at `path`, or no checkpoint in the folder.
    """
    if not path.exists():
        raise DataError(f"there is nothing at {path}")
    if not path.is_dir():
        return path
    checkpoints = Checkpoints(path)
    found = (checkpoints.best() if best else None) or checkpoints.latest()
    if found is None:
        raise DataError(f"there is no checkpoint in {path}")
    return found


def _step_of(path: Path) -> int:
    found = _STEP.fullmatch(path.name)
    return int(found[1]) if found else -1


def _value_of(path: Path) -> float:
    found = _BEST.fullmatch(path.name)
    return float(found[1]) if found else -math.inf


def _best_step_of(path: Path) -> int:
    found = _BEST.fullmatch(path.name)
    return int(found[2]) if found else -1


def _name_also(path: Path, target: Path) -> None:
    """Give a file a second name, which costs no room and survives when the first is removed."""
    beside = target.with_name(f".{target.name}.part")
    beside.unlink(missing_ok=True)
    try:
        os.link(path, beside)
    except OSError:  # a file system without links
        shutil.copyfile(path, beside)
    beside.replace(target)


def _make_durable(folder: Path) -> None:
    """Make the folder's new name survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
