"""Which steps of a training are timed."""

from __future__ import annotations

from dataclasses import dataclass

from fasttricks.train.config import Recipe


@dataclass(frozen=True, kw_only=True)
class Window:
    """The steps of a run: those before the clock starts, those that are timed, those after."""

    warm: int
    timed: int
    rest: int
    """More than any loader has batches in work: while these run, it need not load."""

    @property
    def last(self) -> int:
        """Steps done when the clock stops."""
        return self.warm + self.timed

    @property
    def steps(self) -> int:
        """Of the whole run."""
        return self.warm + self.timed + self.rest


DEFAULT = {"cpu": (4, 16), "cuda": (50, 200)}
"""Steps before the clock starts, and timed ones, by device."""


def window_of(recipe: Recipe, threads: int) -> Window:
    """Which steps are timed: `max_steps` says how many there are in all.

    Raises:
        ValueError: that leaves none to time.
    """
    warm, timed = DEFAULT["cuda" if recipe.device == "cuda" else "cpu"]
    rest = 2 * threads + 2  # PyTorch's workers have two batches each in work, timm one more
    if recipe.max_steps is not None:
        timed = recipe.max_steps - warm - rest
        least = warm + rest + 2 * recipe.log_every
        if recipe.max_steps < least:
            raise ValueError(
                f"--max-steps {recipe.max_steps}: at least {least} are needed: {warm} before "
                f"the clock starts, {rest} after it, which loaders have made before"
            )
    return Window(warm=warm, timed=timed, rest=rest)
