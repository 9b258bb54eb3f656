"""A ladder: recipes of which each adds one trick to the one below, as the papers' tables do.

What a paper did to ResNet-50 on ImageNet is planned here for any recipe; rungs that cannot be
climbed with it are left out, each with its reason. `rungs` has the two ladders. No torch in here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from fasttricks.train.config import Recipe, ScheduleConfig

Change = Callable[[Recipe], Recipe]

USUAL_BN_MOMENTUM = 0.1
"""Torch's."""
FULL_LENGTH = 120
"""Epochs of the papers' usual schedule; the length that is asked for stands for it."""


class Skip(Exception):
    """A rung does not apply to this recipe; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One row of a paper's table."""

    name: str
    what: str
    """What is added, in a few words."""
    change: Change
    """Makes the recipe from that of the rung below. Raises Skip, or ValueError, where it cannot."""
    top1: float
    """The paper's accuracy in percent, of ImageNet's validation set."""
    on: str = ""
    """The rung that this one adds to, if it is not the one before."""
    epochs: int = 0
    """That the paper trains from this rung on; 0: as the rung below."""


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """A table of a paper."""

    source: str
    base: Callable[[], Recipe]
    """Of the first rung, as the paper trains it on ImageNet."""
    variant: str
    """Of the ResNet on the first rung."""
    rungs: Callable[[str], tuple[Rung, ...]]
    """From the teacher, "" for none, the rungs, the first of which changes nothing."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A rung for a recipe at hand."""

    rung: Rung
    recipe: Recipe
    """What is trained; where the rung is skipped, that of the rung below."""
    against: str = ""
    """The nearest rung below that is run, which this one is compared with; "" for the first."""
    skipped: str = ""
    """Why it is not run; "" if it is."""
    paper_delta: float | None = None
    """Points of top-1 that the paper gained over the rung which it adds to."""

    @property
    def name(self) -> str:
        """The rung's."""
        return self.rung.name


def climb(
    rungs: tuple[Rung, ...], base: Recipe, *, equal_epochs: bool = False
) -> Iterator[Planned]:
    """Plan every rung, beginning with `base`, whose epochs stand for the papers' 120.

    Args:
        equal_epochs: train every rung on as many pictures as the first, where the papers train
            longer with mixup and DropBlock.
    """
    epochs = base.schedule.epochs // base.mix.pictures_per_output
    done: dict[str, Planned] = {}
    below = ""
    for rung in rungs:
        under = done.get(rung.on or below)
        planned = (
            _place(rung, under, epochs, equal_epochs)
            if under
            else Planned(rung=rung, recipe=rung.change(base))
        )
        done[rung.name] = planned
        below = rung.name
        yield planned


def _place(rung: Rung, under: Planned, epochs: int, equal_epochs: bool) -> Planned:
    """The rung on the one under it, or on what that one would have stood on."""
    recipe, skipped = under.recipe, ""
    try:
        recipe = rung.change(under.recipe)
        if rung.epochs and not equal_epochs:
            recipe = lasting(recipe, epochs, rung.epochs)
        if recipe == under.recipe:
            skipped = "it changes nothing of this recipe"
    except (Skip, ValueError) as reason:
        recipe, skipped = under.recipe, str(reason)
    return Planned(
        rung=rung,
        recipe=recipe,
        against=under.against if under.skipped else under.name,
        skipped=skipped,
        paper_delta=round(rung.top1 - under.rung.top1, 2),
    )


def lasting(recipe: Recipe, epochs: int, of: int = FULL_LENGTH) -> Recipe:
    """A recipe of `of` epochs in the paper at the scale where `epochs` stand for 120.

    An epoch of the paper has as many steps as pictures make batches. Where two pictures are read
    for one (`two-batches` of mixup), that takes two passes over them.
    """
    length = max(1, round(epochs * of / FULL_LENGTH)) * recipe.mix.pictures_per_output
    return replace(recipe, schedule=replace(recipe.schedule, epochs=length))


def stretched(schedule: ScheduleConfig, by: float) -> ScheduleConfig:
    """A schedule over `by` times as many passes over the pictures, with all that is in it."""
    drops = tuple(drop if drop < 1 else drop * by for drop in schedule.drops)
    return replace(
        schedule,
        epochs=max(1, round(schedule.epochs * by)),
        warmup_epochs=schedule.warmup_epochs * by,
        drops=drops,
    )


def shortened(recipe: Recipe, epochs: int) -> Recipe:
    """The paper's recipe with its schedule in `epochs` instead of 120: warm-up, drops and all.

    BatchNorm's statistics are then averages over fewer steps, too: with P2's 0.003 they would still
    be those of the first weights when a short training ends.

    Raises:
        ValueError: epochs below 1.
    """
    share, schedule, model = epochs / FULL_LENGTH, recipe.schedule, recipe.model
    # Drops are shares of the epochs already.
    schedule = replace(
        schedule,
        epochs=epochs * recipe.mix.pictures_per_output,
        warmup_epochs=schedule.warmup_epochs * share,
    )
    momentum = model.preset.get("bn_momentum")
    if isinstance(momentum, float) and 0 < share < 1:
        preset = {**model.preset, "bn_momentum": min(USUAL_BN_MOMENTUM, momentum / share)}
        model = replace(model, preset=preset)
    return replace(recipe, model=model, schedule=schedule)
