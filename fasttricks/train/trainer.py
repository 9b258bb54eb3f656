"""The trainer: a recipe in, checkpoints and a log out. Read it from top to bottom.

Everything that a run is made of is put together in `Trainer.__init__`; `run` is the training; all
that happens in a step stands between two comments in `_epoch`.
"""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

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
from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.classes import relabelling
from fasttricks.train.config import Recipe
from fasttricks.train.data import count_classes, eval_loader, train_loader
from fasttricks.train.distributed import World, join
from fasttricks.train.diverged import stop_diverged
from fasttricks.train.evaluate import Metrics, evaluate
from fasttricks.train.feed import Feed
from fasttricks.train.fits import check_device, check_pictures
from fasttricks.train.log import Log
from fasttricks.train.memory import keep_memory
from fasttricks.train.objective import Objective
from fasttricks.train.outcome import Ending, Outcome, ended_early
from fasttricks.train.resume import collect, latest, refuse_to_overwrite, restore
from fasttricks.train.signals import Stopper
from fasttricks.train.statistics import all_finite, shared_statistics
from fasttricks.train.step import Step
from fasttricks.train.summary import Clock, summary
from fasttricks.train.threads import use_threads
from fasttricks.train.vote import Asked, Vote, until_asked
from fasttricks.tricks.dropblock import DropBlockSchedule
from fasttricks.tricks.mixed_precision import MixedPrecision


def train(recipe: Recipe, build: Build = build_model) -> Outcome:
    """Train by a recipe, in this process alone or as one of those that torchrun started.

    Args:
        build: makes the network from the recipe and the number of classes.

    Raises:
        FasttricksError: data, checkpoint or loss are not as they should be; the message says which.
        ValueError: settings do not fit together.
    """
    began = time.perf_counter()
    with join(recipe.device) as world, Stopper() as stopper, contextlib.ExitStack() as stack:
        trainer = Trainer(recipe, world, stopper, stack, build)
        trainer.clock.began = began
        return trainer.run()


class Trainer:
    """One run: what it is made of, and `steps_done`, where it stands."""

    def __init__(
        self,
        recipe: Recipe,
        world: World,
        stopper: Stopper,
        stack: contextlib.ExitStack,
        build: Build,
    ) -> None:
        check_device(recipe, world)
        self.recipe, self.world, self.stopper = recipe, world, stopper
        self.clock = Clock()
        self.vote = Vote(world)
        self.checkpoints = Checkpoints(recipe.folder, keep=recipe.keep)
        refuse_to_overwrite(self.checkpoints, recipe)

        self.loader = stack.enter_context(train_loader(recipe, world))
        self.eval_loader = eval_loader(recipe, world)
        if self.eval_loader is not None:
            stack.enter_context(self.eval_loader)
        self.steps_per_epoch = len(self.loader) // recipe.accumulate
        if not self.steps_per_epoch:
            raise DataError(f"{len(self.loader.dataset)} pictures are fewer than one batch")

        self.classes = count_classes(self.loader, recipe)
        self.relabel = relabelling(self.loader, self.eval_loader, self.classes)
        torch.manual_seed(recipe.seed)  # the same weights everywhere ...
        self.model = layout(build(recipe, self.classes), world.device)
        check_pictures(self.model, self.loader, self.eval_loader, recipe.schedule.epochs)
        torch.manual_seed(recipe.seed + 1 + world.rank)  # ... but what is dropped differs
        self.threads = use_threads(self.model, self.loader.options, world)
        if world.device.type == "cpu":
            keep_memory()
        self.ema = build_ema(self.model, recipe)
        self.schedule = build_schedule(recipe, self.steps_per_epoch)
        self.dropblock = DropBlockSchedule(self.model, self.schedule.steps)
        self.optimizer = build_optimizer(self.model, recipe.optim, self.schedule.warmup.peak)
        self.objective = Objective(recipe.loss, self.loader.dataset, self.classes, world.device)
        self.update = Step(
            wrapped(self.model, recipe, world),
            self.objective,
            self.optimizer,
            MixedPrecision(recipe.precision, world.device.type),
            world.device,
            accumulate=recipe.accumulate,
            graph=recipe.cuda_graph,
        )
        self.last_step = min(self.schedule.steps, recipe.max_steps or self.schedule.steps)
        self.steps_done = self.saved_at = self.images_seen = 0
        self.stopped = ""
        self.ended: Ending = "complete"
        self.metrics: Metrics | None = None
        self.log = Log(Path(recipe.folder), self.schedule.steps, first=world.first)
        stack.enter_context(self.log)

    def run(self) -> Outcome:
        """Train to the end, or until asked to stop; then say what came of it."""
        if self._resume():
            self._evaluate()
        while self.steps_done < self.last_step and not self.stopped:
            self._epoch()
            if not self.stopped and self.steps_done % self.steps_per_epoch == 0:
                self._end_epoch()
        if self.last_step < self.schedule.steps and not self.stopped:
            self.stopped, self.ended = f"max_steps {self.last_step}", "max-steps"
        if self.stopped and self.saved_at != self.steps_done:
            self.save()
        return self._finish()

    def _epoch(self) -> None:
        """What is left of the epoch that the run stands in."""
        recipe, update, dropblock, ema = self.recipe, self.update, self.dropblock, self.ema
        epoch, done = divmod(self.steps_done, self.steps_per_epoch)
        end = min((epoch + 1) * self.steps_per_epoch, self.last_step)
        self.loader.load_state_dict(self.position())
        parts = recipe.accumulate
        feed = Feed(self.loader, epoch, done * parts, indices=self.objective.needs_indices)
        self.vote.restart()
        with contextlib.closing(feed):
            looked, at = time.perf_counter(), self.steps_done
            for step in range(self.steps_done, end):
                # One step: nothing in it waits for the device.
                dropblock(step)
                update(feed.take(parts), step, lr=self.schedule(step))
                if ema is not None:
                    ema.update()
                self.steps_done = step + 1
                asked = self.vote(bool(self.stopper.asked))
                # Here it ends.
                saves = recipe.save_every and self.steps_done % recipe.save_every == 0
                logs = self.steps_done % recipe.log_every == 0 or self.steps_done == end
                if not (logs or saves or asked):
                    continue
                self._look(feed, self.steps_done - at, looked)
                if self.stopped:
                    return
                if saves and self.steps_done < end:
                    self.save()
                looked, at = time.perf_counter(), self.steps_done

    def _look(self, feed: Feed, steps: int, since: float) -> None:
        """Wait for the device, and learn what the last `steps` steps came to."""
        reading = self.update.tally.read(self.world, stop=bool(self.stopper.asked))
        seconds, waited = time.perf_counter() - since, feed.waited()
        if reading.diverged:
            stop_diverged(self)
        if reading.stop:
            self._stop()
        images = steps * self.recipe.data.batch_size
        self.images_seen += images
        self.clock.trained(seconds, waited)
        epoch = (self.steps_done - 1) // self.steps_per_epoch
        values = {
            "epoch": epoch,
            "loss": reading.loss,
            "lr": self.schedule(self.steps_done - 1),
            "size": self.loader.options.size_at(epoch),
            "images_per_s": images / seconds,
            "data_wait": min(1.0, waited / seconds),
        }
        self.log.write("step", step=self.steps_done, **values)
        self.log.show(
            self.steps_done,
            f"epoch {epoch + 1}/{self.recipe.schedule.epochs}  loss {reading.loss:.3f}  "
            f"{values['images_per_s']:,.0f} images/s  {values['data_wait']:.0%} waiting for data",
        )

    def _stop(self) -> None:
        self.stopped = self.stopper.asked or "a signal to another process"
        self.ended = "signal"

    def _end_epoch(self) -> None:
        """Save, then evaluate: whatever fails there, the epoch is not lost."""
        epochs = self.steps_done // self.steps_per_epoch
        if epochs % self.recipe.save_epochs == 0 or self.steps_done == self.schedule.steps:
            self.save()
        if self._evaluates():
            self._evaluate()

    def _evaluates(self) -> bool:
        """Whether the state that training has come to is one that is evaluated."""
        epochs, within = divmod(self.steps_done, self.steps_per_epoch)
        due = self.steps_done == self.schedule.steps or epochs % self.recipe.eval_every == 0
        return self.eval_loader is not None and epochs > 0 and not within and due

    def _evaluate(self) -> None:
        """Evaluate what training has come to, the average over steps where there is one."""
        assert self.eval_loader is not None
        with self.clock.timing("evaluation"), shared_statistics(self.model, self.world):
            averaged = self.ema.swapped() if self.ema is not None else contextlib.nullcontext()
            self.eval_loader.set_epoch(0)
            batches = until_asked(self.eval_loader, self.vote, self.stopper)
            # Compiling for another size and for a last batch takes longer than it saves here.
            with averaged, torch.compiler.set_stance("force_eager"):
                try:
                    self.metrics = evaluate(
                        self.model, batches, dtype=self.recipe.precision, relabel=self.relabel
                    )
                except Asked:  # the run that goes on from here evaluates it first
                    self._stop()
                    return
        epoch, values = self.steps_done // self.steps_per_epoch, asdict(self.metrics)
        if self.steps_done == self.last_step and not math.isfinite(self.metrics.loss):
            stop_diverged(self)
        if self.world.first:
            self.checkpoints.evaluated(self.steps_done, values)
        values |= {"epoch": epoch, "averaged": self.ema is not None}
        self.log.write("evaluation", step=self.steps_done, **values)
        of = ", of the averaged weights" if self.ema is not None else ""
        self.log.say(f"epoch {epoch}/{self.recipe.schedule.epochs}: {self.metrics}{of}")

    def _resume(self) -> bool:
        """Go on from a checkpoint if there is one; whether that is still to be evaluated."""
        state = latest(self.checkpoints, self.world) if self.recipe.resume == "auto" else None
        if state is not None:
            for change in restore(self, state):
                self.log.say(f"changed since the checkpoint: {change}")
        self.saved_at = self.steps_done
        told = any(self.world.gather(self.log.has("evaluation", self.steps_done)))
        recipe, processes = self.recipe.as_dict(), self.world.size
        self.log.write("start", step=self.steps_done, recipe=recipe, world=processes)
        where = f", from step {self.steps_done}" if state is not None else ""
        self.log.say(
            f"{self.recipe.name}: {self.recipe.model.name} on {len(self.loader.dataset):,} "
            f"pictures of {self.classes} classes, {self.schedule.steps:,} steps of "
            f"{self.recipe.data.batch_size}{where}; learning rate {self.schedule}; "
            f"{self.threads}; in {self.recipe.folder}"
        )
        return self._evaluates() and (not told or self.steps_done >= self.last_step)

    def save(self, into: Checkpoints | None = None, **more: Any) -> Path | None:
        """Keep everything that training depends on; the first process writes.

        Args:
            into: a separate folder, for weights that are not finite.
        """
        with self.clock.timing("saving"):
            if into is None and not all_finite(self.model, self.world):
                stop_diverged(self)
            with shared_statistics(self.model, self.world) as own:
                state = {**collect(self, own), **more}
                self.saved_at = self.steps_done
                if not self.world.first:
                    return None
                return (into or self.checkpoints).save(
                    state, step=self.steps_done, epoch=self.steps_done // self.steps_per_epoch
                )

    def _finish(self) -> Outcome:
        self.vote.close()
        words = summary(self.clock, self.images_seen, shared_cores=self.world.device.type == "cpu")
        if self.stopped:
            words.insert(0, ended_early(self.stopped, self.steps_done, self.schedule.steps))
        self.log.write("end", step=self.steps_done, stopped=self.stopped, summary=words)
        for line in words:
            self.log.say(line)
        return Outcome(
            steps=self.steps_done,
            metrics=self.metrics,
            ended=self.ended,
            stopped=self.stopped,
            summary=words,
        )

    def position(self) -> dict[str, int]:
        """The state of a loader that stands where training stands, not where reading ahead does."""
        epoch, done = divmod(self.steps_done, self.steps_per_epoch)
        batches = done * self.recipe.accumulate
        state = {"epoch": epoch, "consumed": batches * self.loader.options.global_batch}
        return {**self.loader.state_dict(), "seed": self.recipe.seed, **state}
