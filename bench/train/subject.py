"""What is measured: the trainer's own objects, put together as it does, and turned by hand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import torch

from fasttricks.bench.models.step import LR, wake_norms
from fasttricks.kernels.mix.targets import Mixed
from fasttricks.pipelines.loader import Loader
from fasttricks.train.build import Build, build_model
from fasttricks.train.config import Recipe
from fasttricks.train.data import train_loader
from fasttricks.train.distributed import World
from fasttricks.train.prefetch import Batch, Prefetcher
from fasttricks.train.training import Training


class Subject:
    """A training that stands still in the middle of its schedule: same step, again and again.

    Args:
        recipe: with its data set; nothing is evaluated, nothing of it is kept.
        stack: closes loaders.
    """

    def __init__(
        self,
        recipe: Recipe,
        world: World,
        stack: contextlib.ExitStack,
        build: Build = build_model,
    ) -> None:
        self.recipe = replace(recipe, data=replace(recipe.data, val="none"))
        self.world = world
        self.training = Training(self.recipe, world, stack, build)
        self.training.model.train()
        wake_norms(self.training.model)
        self._number = self.training.schedule.steps // 2  # DropBlock drops by then

    def step(self, batches: Iterator[Batch] | list[Batch]) -> None:
        """All that the trainer does in one step."""
        training = self.training
        training.dropblock(self._number)
        training.train_step(batches, self._number, lr=LR)
        if training.ema is not None:
            training.ema.update()

    def look(self) -> None:
        """Wait for the device as the trainer does when it logs."""
        self.training.train_step.losses.read(self.world)
        self.wait()

    def wait(self) -> None:
        """Wait for the device, all streams of it."""
        if self.world.device.type == "cuda":
            torch.cuda.synchronize(self.world.device)

    def loader(self, pipeline: str) -> Loader:
        """The trainer's loader with another pipeline; the caller closes it."""
        data = replace(self.recipe.data, pipeline=pipeline)
        return train_loader(replace(self.recipe, data=data), self.world)

    def stream(self, loader: Loader) -> Stream:
        """The batches of a loader as the trainer takes them."""
        parts = self.recipe.accumulate
        return Stream(loader, parts, indices=self.training.criterion.needs_indices)


class Stream:
    """A step's batches after another's, epoch after epoch; each epoch begins as in the trainer.

    Args:
        parts: batches of a step.
        indices: whether they say which samples they have.
    """

    def __init__(self, loader: Loader, parts: int, *, indices: bool) -> None:
        self._loader, self._parts, self._indices = loader, parts, indices
        self._steps = len(loader) // parts
        self._epoch = self._done = 0
        self._feed: Prefetcher | None = None

    def take(self) -> Iterator[Batch]:
        """The batches of the next step, each fetched when it is asked for."""
        if self._feed is None or self._done == self._steps:
            self.close()
            self._loader.set_epoch(self._epoch)
            self._feed = Prefetcher(self._loader, self._epoch, 0, indices=self._indices)
        self._done += 1
        return self._feed.take(self._parts)

    def close(self) -> None:
        """End the loader's work; the next step begins an epoch."""
        if self._feed is not None:
            self._feed.close()
            self._epoch += 1
            self._feed, self._done = None, 0


def made_up(batch: Batch) -> Batch:
    """Noise for the pictures of a batch; all else is the same."""
    return batch._replace(images=torch.randn_like(batch.images))


def kept(batch: Batch) -> Batch:
    """A copy of a batch that its loader will not write over."""
    given, indices = batch.targets, batch.indices
    targets: torch.Tensor | Mixed = (
        Mixed(*(part.clone() for part in given)) if isinstance(given, Mixed) else given.clone()
    )
    return Batch(batch.images.clone(), targets, None if indices is None else indices.clone())
