"""What a run is made of: data, network and what a step needs; and its state in a checkpoint."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import Tensor

from fasttricks.errors import DataError
from fasttricks.train.build import (
    Build,
    build_ema,
    build_model,
    build_optimizer,
    build_schedule,
    layout,
    wrapped,
)
from fasttricks.train.checkpoint_file import State
from fasttricks.train.classes import count_classes, label_map
from fasttricks.train.config import Recipe
from fasttricks.train.data import eval_loader, train_loader
from fasttricks.train.distributed import World
from fasttricks.train.initial import begin_with
from fasttricks.train.loss import Loss
from fasttricks.train.memory import keep_memory
from fasttricks.train.preflight import check_device, check_pictures
from fasttricks.train.resume import ResumeError, compare, load_optimizer
from fasttricks.train.rng import rng_state, set_rng_state
from fasttricks.train.step import TrainStep
from fasttricks.train.threads import use_threads
from fasttricks.tricks.dropblock import DropBlockSchedule
from fasttricks.tricks.mixed_precision import MixedPrecision
from fasttricks.tricks.teacher_logits import fingerprint


class Training:
    """The parts of one run in one process, and `steps_done`, where it stands.

    Args:
        stack: closes the loaders.
        build: makes the network from the recipe and the number of classes.

    Raises:
        FasttricksError: the data is not as it should be.
        ValueError: settings do not fit together.
    """

    def __init__(
        self,
        recipe: Recipe,
        world: World,
        stack: contextlib.ExitStack,
        build: Build = build_model,
    ) -> None:
        check_device(recipe, world)
        self.recipe, self.world = recipe, world
        self.steps_done = 0
        self._open_data(stack)
        self._make_model(build)
        self._make_step()

    def _open_data(self, stack: contextlib.ExitStack) -> None:
        recipe, world = self.recipe, self.world
        self.loader = stack.enter_context(train_loader(recipe, world))
        self.eval_loader = eval_loader(recipe, world)
        if self.eval_loader is not None:
            stack.enter_context(self.eval_loader)
        samples = self.loader.dataset
        self.steps_per_epoch = len(self.loader) // recipe.accumulate
        if not self.steps_per_epoch:
            raise DataError(f"{len(samples)} pictures are fewer than one batch")
        self.num_classes = count_classes(samples, recipe.model.num_classes)
        self.relabel: Tensor | None = None
        if self.eval_loader is not None:
            self.relabel = label_map(samples.classes, self.eval_loader.dataset, self.num_classes)
        self._pictures = {"count": len(samples), "names": fingerprint(samples)}

    def _make_model(self, build: Build) -> None:
        recipe, world = self.recipe, self.world
        torch.manual_seed(recipe.seed)  # the same weights everywhere ...
        self.model = layout(build(recipe, self.num_classes), world.device)
        check_pictures(self.model, self.loader, self.eval_loader, recipe.schedule.epochs)
        torch.manual_seed(recipe.seed + 1 + world.rank)  # ... but what is dropped differs
        self.ema = build_ema(self.model, recipe)

    def _make_step(self) -> None:
        recipe, world = self.recipe, self.world
        self.threads = use_threads(self.model, self.loader.options, world)
        if world.device.type == "cpu":
            keep_memory()
        self.schedule = build_schedule(recipe, self.steps_per_epoch)
        self.dropblock = DropBlockSchedule(self.model, self.schedule.steps)
        self.optimizer = build_optimizer(self.model, recipe.optim, self.schedule.warmup.peak)
        samples, augment = self.loader.dataset, self.loader.options.augment
        self.criterion = Loss(recipe.loss, samples, augment, self.num_classes, world.device)
        self.train_step = TrainStep(
            wrapped(self.model, recipe, world),
            self.criterion,
            self.optimizer,
            MixedPrecision(recipe.precision, world.device.type),
            world.device,
            accumulate=recipe.accumulate,
            graph=recipe.cuda_graph,
        )

    def begin_with(self, path: str) -> str:
        """Take the weights of a file before the first step; gives in words which."""
        told = begin_with(self.model, path, self.recipe.model.name)
        self.ema = build_ema(self.model, self.recipe)
        return told

    def position(self) -> dict[str, int]:
        """The state of a loader that stands where training stands, not where reading ahead does."""
        epoch, done = divmod(self.steps_done, self.steps_per_epoch)
        batches = done * self.recipe.accumulate
        state = {"epoch": epoch, "consumed": batches * self.loader.options.global_batch}
        return {**self.loader.state_dict(), "seed": self.recipe.seed, **state}

    def state_dict(self, statistics: dict[str, Tensor]) -> State:
        """Everything that the rest of a run depends on, as `Checkpoints` can keep it.

        All processes must call it. The schedule is a function of the step and has no state.

        Args:
            statistics: of batch norms as this process has gathered them, where the model has the
                mean of all processes'.
        """
        mine = {name: value.cpu() for name, value in statistics.items()}
        return {
            **self._described(),
            "statistics": self.world.gather(mine),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.train_step.scaler.state_dict(),
            "ema": self.ema.state_dict() if self.ema is not None else None,
            "loader": self.position(),
            "rng": self.world.gather(rng_state()),
        }

    def _described(self) -> dict[str, Any]:
        """What tells one run from another, and the weights."""
        return {
            "recipe": self.recipe.as_dict(),
            "num_classes": self.num_classes,
            "classes": list(self.loader.dataset.classes),
            "pictures": self._pictures,
            "model": self.model.state_dict(),
        }

    def load_state_dict(self, state: State, step: int) -> list[str]:
        """Go on where a checkpoint was taken; gives in words what of the recipe is another now.

        Raises:
            ResumeError: another network, data set, optimiser or batch.
        """
        changes = compare(state, self._described())
        try:
            self.loader.load_state_dict(state["loader"])
            self.model.load_state_dict(state["model"])
            load_optimizer(self.optimizer, state["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise ResumeError(f"cannot go on: {error}") from error
        scaler = self.train_step.scaler
        if state["scaler"]:
            scaler.load_state_dict(state["scaler"])
        elif scaler.is_enabled():  # {} after other precisions than float16
            changes.append("loss scaling, which begins again")
        if self.ema is not None and state["ema"] is not None:
            self.ema.load_state_dict(state["ema"])
        else:  # switched on only now: the average begins with the weights as they are
            self.ema = build_ema(self.model, self.recipe)
        self._load_own(state["statistics"], state["rng"], step)
        self.steps_done = step
        return changes

    def _load_own(self, statistics: list[State], rng: list[State], step: int) -> None:
        """What each process has for itself; with another number of them the model keeps the mean
        of all statistics, and random numbers begin anew."""
        rank, size, seed = self.world.rank, self.world.size, self.recipe.seed
        if len(rng) == size:
            self.model.load_state_dict(statistics[rank], strict=False)
            set_rng_state(rng[rank])
        else:
            torch.manual_seed(hash((seed, step, rank)))
