"""What a checkpoint of a run holds, and how a run goes on from one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from fasttricks.errors import DataError, FasttricksError
from fasttricks.train.build import build_ema
from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.classes import check_same
from fasttricks.train.config import Recipe
from fasttricks.train.distributed import World
from fasttricks.train.generators import rng_state, set_rng_state
from fasttricks.tricks.teacher_logits import fingerprint

if TYPE_CHECKING:
    from fasttricks.train.trainer import Trainer

_ANY_CHANGE = {
    "name", "out", "resume", "device", "accumulate", "log_every", "save_every", "save_epochs",
    "keep", "eval_every", "max_steps", "data.path", "data.pipeline", "data.val", "data.eval_size",
    "data.eval_batch_size", "data.threads", "data.on_error", "model.overrides",
}  # fmt: skip
"""Settings that change nothing of what is learned, or are told by others."""
_NO_CHANGE = {
    "data.batch_size", "data.views", "seed", "mix.pairing", "optim.kind", "optim.fold_lr",
    "optim.decay_rule",
}  # fmt: skip
"""Settings without which a position in the data, or the optimiser's state, means nothing."""

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


def collect(trainer: Trainer, statistics: dict[str, Tensor]) -> dict[str, Any]:
    """Everything that the rest of a run depends on, as `Checkpoints` can keep it.

    All processes must call it. The schedule is a function of the step and has no state.

    Args:
        statistics: of batch norms as this process has gathered them, where the model has the mean
            of all processes'.
    """
    samples = trainer.loader.dataset
    mine = {name: value.cpu() for name, value in statistics.items()}
    return {
        "recipe": trainer.recipe.as_dict(),
        "num_classes": trainer.classes,
        "classes": list(samples.classes),
        "pictures": {"count": len(samples.base), "names": fingerprint(samples)},
        "steps_per_epoch": trainer.steps_per_epoch,
        "model": trainer.model.state_dict(),
        "statistics": trainer.world.gather(mine),
        "optimizer": trainer.optimizer.state_dict(),
        "scaler": trainer.update.scaler.state_dict(),
        "ema": trainer.ema.state_dict() if trainer.ema is not None else None,
        "loader": trainer.position(),
        "rng": trainer.world.gather(rng_state()),
    }


def restore(trainer: Trainer, checkpoint: dict[str, Any]) -> list[str]:
    """Put a fresh trainer where a checkpoint was taken; what of its recipe is different now.

    Raises:
        ResumeError: another network, data set, optimiser or batch.
    """
    state, step = checkpoint["state"], checkpoint["step"]
    changes = list(differences(state["recipe"], trainer.recipe.as_dict()))
    for change in changes:
        if _setting(change) in _NO_CHANGE:
            raise ResumeError(f"cannot go on: {change}; that would be another run (--out)")
    _check_data(trainer, state)
    _check_network(trainer.model.state_dict(), state["model"], changes)
    try:
        trainer.loader.load_state_dict(state["loader"])
        trainer.model.load_state_dict(state["model"])
        load_optimizer(trainer.optimizer, state["optimizer"])
    except (RuntimeError, ValueError) as error:
        raise ResumeError(f"cannot go on: {error}") from error
    _restore_statistics(trainer, state.get("statistics", []))
    if state["scaler"]:
        trainer.update.scaler.load_state_dict(state["scaler"])
    elif trainer.update.scaler.is_enabled():  # {} after other precisions than float16
        changes.append("loss scaling, which begins again")
    if trainer.ema is not None and state["ema"] is not None:
        trainer.ema.load_state_dict(state["ema"])
    else:  # switched on only now: the average begins with the weights as they are
        trainer.ema = build_ema(trainer.model, trainer.recipe)
    trainer.steps_done = step
    _restore_rng(trainer, state["rng"], step)
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


def _check_data(trainer: Trainer, state: dict[str, Any]) -> None:
    """Raises ResumeError unless sample numbers and labels mean what they meant.

    Pictures are told by their names, as in a seek index: a folder may move, or become a `.beton`.
    """
    samples, before = trainer.loader.dataset, state.get("pictures")
    try:
        check_same(state.get("classes", ()), samples.classes, "the run until now")
    except DataError as error:
        raise ResumeError(f"cannot go on: {error}; {_DATA_ADVICE}") from error
    if before is not None and before["count"] != len(samples.base):
        raise ResumeError(
            f"cannot go on: {before['count']:,} pictures, now {len(samples.base):,}: this is "
            f"another data set; {_DATA_ADVICE}"
        )
    if state["steps_per_epoch"] != trainer.steps_per_epoch:
        raise ResumeError(
            f"cannot go on: an epoch had {state['steps_per_epoch']} steps and now has "
            f"{trainer.steps_per_epoch}: this is another data set; {_DATA_ADVICE}"
        )
    if before is not None and before["names"] != fingerprint(samples):
        raise ResumeError(
            "cannot go on: as many pictures as before, but of other names or in another order (as "
            f"in a pack made of a folder): this is another data set; {_DATA_ADVICE}"
        )


def _check_network(now: dict[str, Tensor], before: dict[str, Tensor], changes: list[str]) -> None:
    """Raises ResumeError unless all weights have a place; says which setting it is."""
    shapes = ({name: value.shape for name, value in one.items()} for one in (before, now))
    was, is_ = shapes
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


def _restore_statistics(trainer: Trainer, everybodys: list[dict[str, Tensor]]) -> None:
    """Each process what it had gathered; with another number of processes, the mean of all."""
    if len(everybodys) == trainer.world.size:
        trainer.model.load_state_dict(everybodys[trainer.world.rank], strict=False)


def _restore_rng(trainer: Trainer, states: list[dict[str, Any]], step: int) -> None:
    """Each process its own generators; with another number of processes, new ones."""
    if len(states) == trainer.world.size:
        set_rng_state(states[trainer.world.rank])
    else:
        torch.manual_seed(hash((trainer.recipe.seed, step, trainer.world.rank)))


def differences(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Settings that matter to what is learned and are not the same: "optim.lr: 0.1, now 0.4".

    What `before`, of an older version, does not have was then as it is by default.
    """
    return _differences(before, now, Recipe().as_dict(), "")


def _differences(
    before: dict[str, Any], now: dict[str, Any], usual: dict[str, Any], prefix: str
) -> Iterator[str]:
    for key in sorted({*before, *now}):
        name, old, new = f"{prefix}{key}", before.get(key, usual.get(key)), now.get(key)
        if name in _ANY_CHANGE:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, usual.get(key) or {}, f"{name}.")
        elif _plain(old) != _plain(new):
            yield f"{name}: {old}, now {new}"


def _setting(change: str) -> str:
    return change.partition(": ")[0]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
