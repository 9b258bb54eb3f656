"""The training that all can do: one network, one optimiser, crop and flip, and no trick."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fasttricks.train.config import (
    AugmentConfig,
    DataConfig,
    LossConfig,
    MixConfig,
    ModelConfig,
    OptimConfig,
    Recipe,
    ScheduleConfig,
)

LR = 0.001
"""So small that no loss diverges, whatever the pictures."""
EVERYWHERE = ("resnet18", "resnet34", "resnet50b", "resnet101b", "resnet152b")
"""Networks that all libraries have, by our names."""
FREE = frozenset(
    {
        *("device", "precision", "compile", "seed", "max_steps", "log_every", "model.name"),
        *("data.batch_size", "data.size", "data.threads", "data.on_error"),
        *("optim.kind", "optim.lr", "optim.momentum", "optim.weight_decay", "optim.decay_rule"),
    }
)
"""What may be set: every script has it, or it is said that one has not."""


def plain(recipe: Recipe) -> Recipe:
    """A recipe without what the scripts do not have, or do in other ways.

    Size, batch, precision, momentum and weight decay stay, and the depth of a ResNet; any other
    network becomes the ResNet-50 that all have.
    """
    depth = recipe.model.name.rstrip("bcd")
    named = next((name for name in EVERYWHERE if name.rstrip("b") == depth), "resnet50b")
    data, optim = recipe.data, recipe.optim
    return Recipe(
        name=recipe.name,
        device=recipe.device,
        precision=recipe.precision,
        log_every=1 if recipe.device == "cpu" else 10,
        model=ModelConfig(name=named, zero_gamma=False),
        data=DataConfig(batch_size=data.batch_size, size=data.size, threads=data.threads),
        augment=AugmentConfig(color="none", lighting=0.0),
        mix=MixConfig(),
        optim=OptimConfig(lr=LR, momentum=optim.momentum, weight_decay=optim.weight_decay),
        schedule=ScheduleConfig(epochs=1, kind="constant"),
        loss=LossConfig(),
    )


def check_plain(recipe: Recipe, base: Recipe) -> None:
    """See to it that a recipe asks for nothing that the scripts lack.

    Args:
        base: what `plain` gave before settings were changed.

    Raises:
        ValueError: it asks for more.
    """
    before = dict(_flat(base.as_dict()))
    for name, value in _flat(recipe.as_dict()):
        if name not in FREE and before.get(name) != value:
            flag = name.replace("_", "-")
            raise ValueError(
                f"--set {flag}={value}: --scripts compares plain training, where that stays "
                f"{before.get(name)}; what may be set: {', '.join(sorted(FREE)).replace('_', '-')}"
            )
    if recipe.optim.kind not in ("sgd", "nesterov"):
        raise ValueError("--scripts compares sgd or nesterov; their AdaBound is another, or none")
    if recipe.optim.decay_rule not in ("all", "weights-only"):
        raise ValueError("--scripts takes optim.decay-rule=all or weights-only")


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and name != "options":
            if name != "overrides":  # the network's fields, which say the same again
                yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


@dataclass(frozen=True, kw_only=True)
class Window:
    """The steps of a run: those before the clock starts, those that are timed, those after."""

    warm: int
    timed: int
    rest: int
    """More than any loader has batches in work: while these run, it need not load."""

    @property
    def first(self) -> int:
        """Steps done when the clock starts."""
        return self.warm

    @property
    def last(self) -> int:
        """Steps done when it stops."""
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
                f"--set max-steps={recipe.max_steps}: at least {least} are needed: {warm} before "
                f"the clock starts, {rest} after it, which loaders have made before"
            )
    return Window(warm=warm, timed=timed, rest=rest)


def model_names(model: str, scripts: Sequence[str]) -> dict[str, str]:
    """What the same network is called in each script.

    Raises:
        ValueError: one does not have it, or has another one under that name.
    """
    from fasttricks.bench.models.peers import others  # brings torch

    known = {library.name: library for library in others(model)}
    names = {}
    for script in scripts:
        if script not in known or known[script].differs:
            raise ValueError(
                f"--set model.name={model}: {script} has no such network; all have "
                f"{', '.join(EVERYWHERE)}"
            )
        names[script] = known[script].model
    return names
