"""How a run goes on: from which checkpoint, and whether that is one of the same run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from fasttricks.errors import DataError, FasttricksError
from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.checkpoint_file import State
from fasttricks.train.classes import check_same
from fasttricks.train.config import Recipe
from fasttricks.train.distributed import World

_ANY_CHANGE = {
    "name", "out", "resume", "device", "log_every", "save_every", "save_epochs", "keep",
    "eval_every", "max_steps", "data.path", "data.pipeline", "data.val", "data.eval_size",
    "data.eval_batch_size", "data.threads", "data.on_error",
    # told by `overrides`, which is what the network was built with; the last three as fields of
    # their own are of older checkpoints
    "model.preset", "model.options", "model.zero_gamma", "model.dropblock", "model.blur",
}  # fmt: skip
"""Settings that change nothing of what is learned, or are told by others."""
_NO_CHANGE = {
    "data.batch_size", "data.views", "seed", "init", "mix.pairing", "optim.kind", "optim.fold_lr",
    "optim.decay_rule",
}  # fmt: skip
"""Settings without which a position in the data, or the optimiser's state, means nothing; and
where the run began, which is not looked at again."""

_DATA_ADVICE = "go on with the data as it was, or train again in another folder (--out)"


class ResumeError(FasttricksError):
    """A run cannot go on from what is in its folder; the message says why."""


def refuse_to_overwrite(checkpoints: Checkpoints, recipe: Recipe) -> None:
    """Raises ResumeError if a new run would mix its checkpoints with those of another."""
    if recipe.resume == "no" and (there := checkpoints.candidates()):
        raise ResumeError(
            f"{there[0]} is of an earlier run: go on with it (--resume auto), or choose another "
            "folder (--out)"
        )


def latest(checkpoints: Checkpoints, world: World) -> dict[str, Any] | None:
    """The newest whole checkpoint, the same in all processes; None if there is none.

    Raises:
        CheckpointError: there are some, and none can be read.
        ResumeError: not all processes see the same.
    """
    found = checkpoints.load_latest()
    steps = world.gather(found and found["step"])
    if len(set(steps)) > 1:
        told = ", ".join("none" if step is None else f"step {step}" for step in steps)
        raise ResumeError(
            f"cannot go on: the processes find different checkpoints in {checkpoints.folder} "
            f"({told}): all nodes must see the same folder"
        )
    return found


def compare(before: State, now: State) -> list[str]:
    """What of the recipe is another than in a checkpoint, such as "optim.lr: 0.1, now 0.4".

    Args:
        before, now: as `Trainer.state_dict` has them; "recipe", "classes", "pictures" and "model"
            are looked at.

    Raises:
        ResumeError: another network, data set, optimiser or batch.
    """
    changes = list(differences(before["recipe"], now["recipe"]))
    for change in changes:
        if _setting(change) in _NO_CHANGE:
            raise ResumeError(f"cannot go on: {change}; that would be another run (--out)")
    _check_data(before, now)
    _check_network(before["model"], now["model"], changes)
    return changes


def load_optimizer(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Go on with an optimiser's state, but with the options that it was made with now.

    torch would take the old ones: weight decay and momentum could then never be changed.

    Raises:
        ValueError: it is the state of other groups of parameters.
    """
    now = [
        {name: value for name, value in group.items() if name != "params"}
        for group in optimizer.param_groups
    ]
    fresh = {p: dict(kept) for p, kept in optimizer.state.items()}
    optimizer.load_state_dict(state)
    for group, options in zip(optimizer.param_groups, now, strict=True):
        group.update(options)
    for p, kept in fresh.items():  # momentum that there was none of before
        optimizer.state[p] = {**kept, **optimizer.state[p]}


def _check_data(before: State, now: State) -> None:
    """Raises ResumeError unless sample numbers and labels mean what they meant.

    Pictures are told by their names, as in a seek index: a folder may move, or become a `.beton`.
    """
    try:
        check_same(before["classes"], now["classes"], "the run until now")
    except DataError as error:
        raise ResumeError(f"cannot go on: {error}; {_DATA_ADVICE}") from error
    was, is_ = before["pictures"], now["pictures"]
    if was["names"] != is_["names"]:
        raise ResumeError(
            f"cannot go on: {was['count']:,} pictures, now {is_['count']:,}, of other names or in "
            "another order (as in a pack made of a folder): this is another data set; "
            f"{_DATA_ADVICE}"
        )


def _check_network(before: dict[str, Tensor], now: dict[str, Tensor], changes: list[str]) -> None:
    """Raises ResumeError unless all weights have a place; says which setting it is."""
    was, is_ = ({name: value.shape for name, value in one.items()} for one in (before, now))
    if was == is_:
        return
    told = "; ".join(change for change in changes if change.startswith("model."))
    if not told:
        name = next(n for n in sorted({*was, *is_}) if was.get(n) != is_.get(n))
        then, here = (_shape(one.get(name)) for one in (was, is_))
        told = f"{name}: {then}, now {here}"
    raise ResumeError(f"cannot go on: {told}; that is another network (--out)")


def _shape(shape: torch.Size | None) -> str:
    return "not there" if shape is None else f"{list(shape)}"


def differences(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Settings that matter to what is learned and are not the same: "optim.lr: 0.1, now 0.4"."""
    for key in sorted({*before, *now}):
        name, old, new = f"{prefix}{key}", before.get(key), now.get(key)
        if name in _ANY_CHANGE:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            yield from differences(old, new, f"{name}.")
        elif _plain(old) != _plain(new):
            yield f"{name.replace('model.overrides', 'model.options')}: {old}, now {new}"


def _setting(change: str) -> str:
    return change.partition(": ")[0]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
