"""The trainer: a recipe in, checkpoints and a log out. Read it from top to bottom.

What a run is made of is put together in `training`; `run` is the training; all that happens in a
step stands between two comments in `_epoch`.
"""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from fasttricks.train.batchnorm import all_finite, shared_statistics
from fasttricks.train.build import Build, build_model
from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.config import Recipe
from fasttricks.train.distributed import World, join
from fasttricks.train.diverged import stop_diverged
from fasttricks.train.evaluate import Metrics, counted_once, evaluate
from fasttricks.train.log import Log
from fasttricks.train.outcome import Ending, Outcome
from fasttricks.train.prefetch import Prefetcher
from fasttricks.train.resume import latest, refuse_to_overwrite
from fasttricks.train.stopping import Asked, Stopper, Vote, until_asked
from fasttricks.train.summary import Clock, summary
from fasttricks.train.training import Training


def train(recipe: Recipe, build: Build = build_model) -> Outcome:
    """Train by a recipe, in this process alone or as one of those that torchrun started.

    Args:
        build: makes the network from the recipe and the number of classes.

    Raises:
        FasttricksError: data, checkpoint or loss are not as they should be; the message says which.
        ValueError: settings do not fit together.
    """
    clock = Clock()
    with join(recipe.device) as world, Stopper() as stopper, contextlib.ExitStack() as stack:
        return Trainer(recipe, world, stopper, stack, build, clock).run()


class Trainer:
    """One run of a `Training`: its steps, and all that is logged, evaluated and kept of them."""

    def __init__(
        self,
        recipe: Recipe,
        world: World,
        stopper: Stopper,
        stack: contextlib.ExitStack,
        build: Build,
        clock: Clock,
    ) -> None:
        self.recipe, self.world, self.stopper, self.clock = recipe, world, stopper, clock
        self.vote = Vote(world)
        self.checkpoints = Checkpoints(recipe.folder, keep=recipe.keep)
        refuse_to_overwrite(self.checkpoints, recipe)
        self.training = Training(recipe, world, stack, build)
        self.steps = self.training.schedule.steps
        self.last_step = min(self.steps, recipe.max_steps or self.steps)
        self.saved_at = self.images_seen = 0
        self.ended: Ending = "complete"
        self.metrics: Metrics | None = None
        self.log = stack.enter_context(Log(Path(recipe.folder), self.steps, first=world.first))

    @property
    def steps_done(self) -> int:
        """Where the run stands."""
        return self.training.steps_done

    def run(self) -> Outcome:
        """Train to the end, or until asked to stop; then say what came of it."""
        if self._resume():
            self._evaluate()
        while self.steps_done < self.last_step and self.ended == "complete":
            self._epoch()
            if self.ended == "complete" and self.steps_done % self.training.steps_per_epoch == 0:
                self._end_epoch()
        if self.last_step < self.steps and self.ended == "complete":
            self.ended = "max-steps"
        if self.ended != "complete" and self.saved_at != self.steps_done:
            self.save()
        return self._finish()

    def _epoch(self) -> None:
        """What is left of the epoch that the run stands in."""
        recipe, training = self.recipe, self.training
        train_step, schedule, dropblock = training.train_step, training.schedule, training.dropblock
        epoch, done = divmod(self.steps_done, training.steps_per_epoch)
        end = min((epoch + 1) * training.steps_per_epoch, self.last_step)
        training.loader.load_state_dict(training.position())
        parts = recipe.accumulate
        indices = training.criterion.needs_indices
        feed = Prefetcher(training.loader, epoch, done * parts, indices=indices)
        self.vote.restart()
        with contextlib.closing(feed):
            logged, since = self.steps_done, time.perf_counter()
            for step in range(self.steps_done, end):
                # One step: nothing in it waits for the device.
                dropblock(step)
                train_step(feed.take(parts), step, lr=schedule(step))
                if training.ema is not None:
                    training.ema.update()
                training.steps_done = step + 1
                stops = self.vote(bool(self.stopper.asked))
                # Here it ends.
                saves = recipe.save_every and self.steps_done % recipe.save_every == 0
                logs = self.steps_done % recipe.log_every == 0 or self.steps_done == end
                if not (logs or saves or stops):
                    continue
                self._log_steps(feed, self.steps_done - logged, since)
                if stops:
                    self.ended = "signal"
                    return
                if saves and self.steps_done < end:
                    self.save()
                logged, since = self.steps_done, time.perf_counter()

    def _log_steps(self, feed: Prefetcher, steps: int, since: float) -> None:
        """Wait for the device, and learn what the last `steps` steps came to."""
        training = self.training
        loss, labels, diverged = training.train_step.losses.read(self.world)
        seconds, waited = time.perf_counter() - since, feed.waited()
        if diverged:
            stop_diverged(self)
        images = steps * self.recipe.data.batch_size
        self.images_seen += images
        self.clock.trained(seconds, waited)
        epoch = (self.steps_done - 1) // training.steps_per_epoch
        values = {
            "epoch": epoch,
            "loss": loss,
            **({"label_loss": labels} if training.criterion.distils else {}),
            "lr": training.schedule(self.steps_done - 1),
            "size": training.loader.options.size_at(epoch),
            "images_per_s": images / seconds,
            "data_wait": min(1.0, waited / seconds),
        }
        self.log.write("step", step=self.steps_done, **values)
        of = " of the labels" if training.criterion.distils else ""
        self.log.show(
            self.steps_done,
            f"epoch {epoch + 1}/{self.recipe.schedule.epochs}  loss {labels:.3f}{of}  "
            f"{values['images_per_s']:,.0f} images/s  {values['data_wait']:.0%} waiting for data",
        )

    def _end_epoch(self) -> None:
        """Save, then evaluate: whatever fails there, the epoch is not lost."""
        epochs = self.steps_done // self.training.steps_per_epoch
        if epochs % self.recipe.save_epochs == 0 or self.steps_done == self.steps:
            self.save()
        if self._evaluation_due():
            self._evaluate()

    def _evaluation_due(self) -> bool:
        """Whether the state that training has come to is one that is evaluated."""
        epochs, within = divmod(self.steps_done, self.training.steps_per_epoch)
        due = self.steps_done == self.steps or epochs % self.recipe.eval_every == 0
        return self.training.eval_loader is not None and epochs > 0 and not within and due

    def _evaluate(self) -> None:
        """Evaluate what training has come to, the average over steps where there is one."""
        training, loader = self.training, self.training.eval_loader
        assert loader is not None
        with self.clock.timing("evaluation"), shared_statistics(training.model, self.world):
            ema = training.ema
            averaged = ema.swapped() if ema is not None else contextlib.nullcontext()
            loader.set_epoch(0)
            batches = until_asked(counted_once(loader), self.vote, self.stopper)
            # Compiling for another size and for a last batch takes longer than it saves here.
            with averaged, torch.compiler.set_stance("force_eager"):
                try:
                    self.metrics = evaluate(
                        training.model,
                        batches,
                        size=loader.options.size_at(0),
                        dtype=self.recipe.precision,
                        relabel=training.relabel,
                    )
                except Asked:  # the run that goes on from here evaluates it first
                    self.ended = "signal"
                    return
        if self.steps_done == self.last_step and not math.isfinite(self.metrics.loss):
            stop_diverged(self)
        epoch, values = self.steps_done // training.steps_per_epoch, asdict(self.metrics)
        if self.world.first:
            self.checkpoints.evaluated(self.steps_done, values)
        values |= {"epoch": epoch, "averaged": training.ema is not None}
        self.log.write("evaluation", step=self.steps_done, **values)
        of = ", of the averaged weights" if training.ema is not None else ""
        self.log.say(f"epoch {epoch}/{self.recipe.schedule.epochs}: {self.metrics}{of}")

    def _resume(self) -> bool:
        """Go on from a checkpoint if there is one; whether that is still to be evaluated."""
        recipe, training = self.recipe, self.training
        found = latest(self.checkpoints, self.world) if recipe.resume == "auto" else None
        if found is not None:
            for change in training.load_state_dict(found["state"], found["step"]):
                self.log.say(f"changed since the checkpoint: {change}")
        elif recipe.init is not None:
            self.log.say(training.begin_with(recipe.init))
        self.saved_at = self.steps_done
        told = any(self.world.gather(self.log.has("evaluation", self.steps_done)))
        facts = {"recipe": recipe.as_dict(), "world": self.world.size}
        self.log.write("start", step=self.steps_done, **facts)
        where = f", from step {self.steps_done}" if found is not None else ""
        self.log.say(
            f"{recipe.name}: {recipe.model.name} on {len(training.loader.dataset):,} pictures of "
            f"{training.num_classes} classes, {self.steps:,} steps of {recipe.data.batch_size}"
            f"{where}; learning rate {training.schedule}; {training.threads}; in {recipe.folder}"
        )
        return self._evaluation_due() and (not told or self.steps_done >= self.last_step)

    def save(self, into: Checkpoints | None = None, **more: Any) -> Path | None:
        """Keep everything that training depends on; the first process writes.

        Args:
            into: a separate folder, for weights that are not finite.
        """
        training = self.training
        with self.clock.timing("saving"):
            if into is None and not all_finite(training.model, self.world):
                stop_diverged(self)
            with shared_statistics(training.model, self.world) as own:
                state = {**training.state_dict(own), **more}
                self.saved_at = self.steps_done
                if not self.world.first:
                    return None
                epoch = self.steps_done // training.steps_per_epoch
                checkpoints = into or self.checkpoints
                return checkpoints.save(state, step=self.steps_done, epoch=epoch)

    def _bad_pictures(self) -> dict[str, str]:
        """Why each picture could not be decoded that any process met, by its name."""
        loaders = filter(None, (self.training.loader, self.training.eval_loader))
        own = {it.name: it.cause for loader in loaders for it in loader.errors}
        return {name: why for found in self.world.gather(own) for name, why in found.items()}

    def _finish(self) -> Outcome:
        self.vote.close()
        by = {
            "complete": "",
            "max-steps": f"max_steps {self.last_step}",
            "signal": self.stopper.asked or "a signal to another process",
        }[self.ended]
        words = summary(self.clock, self.images_seen, shared_cores=self.world.device.type == "cpu")
        if by:
            words.insert(
                0,
                f"Stopped by {by} after step {self.steps_done:,} of {self.steps:,}; --resume auto "
                "goes on from there.",
            )
        bad = self._bad_pictures()
        if bad:
            name, cause = next(iter(bad.items()))
            words.append(
                f"{len(bad):,} pictures could not be decoded; they were replaced in training and "
                f"left out of evaluation. The first: {name}: {cause}"
            )
        self.log.write("end", step=self.steps_done, stopped=by, summary=words, bad=bad)
        for line in words:
            self.log.say(line)
        return Outcome(
            steps=self.steps_done, metrics=self.metrics, ended=self.ended, stopped=by, summary=words
        )
