"""What a checkpoint of a run holds, and how a run goes on from one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from fasttricks.errors import FasttricksError
from fasttricks.train.build import build_ema
from fasttricks.train.checkpoint import Checkpoints, rng_state, set_rng_state
from fasttricks.train.config import Recipe

if TYPE_CHECKING:
    from fasttricks.train.trainer import Trainer

_ANY_CHANGE = {
    "name", "out", "resume", "device", "accumulate", "log_every", "save_every", "keep",
    "eval_every", "max_steps", "data.path", "data.pipeline", "data.val", "data.eval_size",
    "data.eval_batch_size", "data.threads", "data.on_error",
}  # fmt: skip
"""Settings that change nothing of what is learned."""
_NO_CHANGE = ("data.batch_size", "data.views", "seed", "mix.pairing")
"""Settings without which a position in the data, or in the schedule, means nothing."""


class ResumeError(FasttricksError):
    """A run cannot go on from what is in its folder; the message says why."""


def refuse_to_overwrite(checkpoints: Checkpoints, recipe: Recipe) -> None:
    """Raises ResumeError if a new run would mix its checkpoints with those of another."""
    if recipe.resume == "no" and (there := checkpoints.latest()):
        raise ResumeError(
            f"{there} is of an earlier run: go on with it (--resume auto), or choose another "
            "folder (--out)"
        )


def collect(trainer: Trainer) -> dict[str, Any]:
    """Everything that the rest of a run depends on, as `Checkpoints` can keep it.

    All processes must call it. The schedule is a function of the step and has no state.
    """
    loader = trainer.loader
    return {
        "recipe": trainer.recipe.as_dict(),
        "num_classes": trainer.classes,
        "classes": list(loader.dataset.classes),
        "steps_per_epoch": trainer.steps_per_epoch,
        "model": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "scaler": trainer.update.scaler.state_dict(),
        "ema": trainer.ema.state_dict() if trainer.ema is not None else None,
        "loader": trainer.position(),
        "rng": trainer.world.gather(rng_state()),
    }


def restore(trainer: Trainer, checkpoint: dict[str, Any]) -> list[str]:
    """Put a fresh trainer where a checkpoint was taken; what of its recipe is different now.

    Raises:
        ResumeError: another network, data set or batch.
    """
    state, step = checkpoint["state"], checkpoint["step"]
    changes = list(differences(state["recipe"], trainer.recipe.as_dict()))
    for change in changes:
        if change.startswith(_NO_CHANGE):
            raise ResumeError(f"cannot go on: {change}; that would be another run (--out)")
    if state["steps_per_epoch"] != trainer.steps_per_epoch:
        raise ResumeError(
            f"cannot go on: an epoch had {state['steps_per_epoch']} steps and now has "
            f"{trainer.steps_per_epoch}: this is another data set"
        )
    try:
        trainer.loader.load_state_dict(state["loader"])
        trainer.model.load_state_dict(state["model"])
        trainer.optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError) as error:
        raise ResumeError(f"cannot go on: {error}") from error
    trainer.update.scaler.load_state_dict(state["scaler"])
    if trainer.ema is not None and state["ema"] is not None:
        trainer.ema.load_state_dict(state["ema"])
    else:  # switched on only now: the average begins with the weights as they are
        trainer.ema = build_ema(trainer.model, trainer.recipe)
    trainer.steps_done = step
    _restore_rng(trainer, state["rng"], step)
    return changes


def _restore_rng(trainer: Trainer, states: list[dict[str, Any]], step: int) -> None:
    """Each process its own generators; with another number of processes, new ones."""
    if len(states) == trainer.world.size:
        set_rng_state(states[trainer.world.rank])
    else:
        torch.manual_seed(hash((trainer.recipe.seed, step, trainer.world.rank)))


def differences(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Settings that matter to what is learned and are not the same: "optim.lr: 0.1, now 0.4"."""
    for key in sorted({*before, *now}):
        name, old, new = f"{prefix}{key}", before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict) and not prefix:
            yield from differences(old, new, f"{name}.")
        elif name not in _ANY_CHANGE and _plain(old) != _plain(new):
            yield f"{name}: {old}, now {new}"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
