"""Where the time of a run went, and in words what held it back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

KEPT_UP = 0.05
"""Up to this share of waiting a loader is said to keep up."""
NOTABLE = 0.2
"""From this share of the whole on, evaluating or saving is worth a word."""


@dataclass
class Clock:
    """Wall seconds of a run, by what they were spent on."""

    loader: float = 0.0
    """The step had nothing to do for want of pictures."""
    step: float = 0.0
    """All the rest of training."""
    evaluation: float = 0.0
    saving: float = 0.0
    began: float = field(default_factory=time.perf_counter)

    @property
    def total(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.began

    @property
    def waiting(self) -> float:
        """Share of training that was waiting for pictures, in [0, 1]."""
        training = self.loader + self.step
        return self.loader / training if training else 0.0

    def trained(self, seconds: float, waited: float) -> None:
        """Count seconds of training, of which some were waiting; timers may disagree a little."""
        waited = min(waited, seconds)
        self.loader += waited
        self.step += seconds - waited

    @contextmanager
    def timing(self, what: str) -> Iterator[None]:
        """Count the seconds of a block as `evaluation` or `saving`."""
        began = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, what, getattr(self, what) + time.perf_counter() - began)


def summary(clock: Clock, images: int, *, shared_cores: bool) -> list[str]:
    """What to say at the end of a run.

    Args:
        clock: of the run.
        images: pictures trained on.
        shared_cores: loader and step run on the same CPU cores.
    """
    total = clock.total
    training = clock.loader + clock.step
    if not training:
        return ["Nothing was trained."]
    start = max(0.0, total - training - clock.evaluation - clock.saving)
    spent = {
        "step": clock.step,
        "waiting for pictures": clock.loader,
        "evaluation": clock.evaluation,
        "checkpoints": clock.saving,
        "start": start,
    }
    shares = ", ".join(f"{name} {100 * value / total:.0f} %" for name, value in spent.items())
    return [
        f"{images:,} pictures trained on in {duration(training)}: {images / training:,.0f} "
        f"images/s; {duration(total)} in all: {shares}.",
        _held_back(clock, start, total, shared_cores),
    ]


def _held_back(clock: Clock, start: float, total: float, shared_cores: bool) -> str:
    share = f"{100 * clock.waiting:.0f} % of training was waiting for pictures"
    if clock.waiting <= KEPT_UP:
        text = f"the step; the loader kept up ({share})."
    elif clock.waiting < 0.5:
        possible = 1 / (1 - clock.waiting)
        text = (
            f"the step, and the loader in part ({share}; with a loader "
            f"that keeps up it would be up to {possible:.2f} times as fast)."
        )
    else:
        text = (
            f"the loader ({share}). The first batches also wait for what "
            "is compiled, indexed or decoded once; `fasttricks bench` says which pipeline is "
            "fastest here."
        )
    if start >= NOTABLE * total:
        began = f"starting, {100 * start / total:.0f} % of the run, which a longer one has once"
        text = f"{began}; then {text}"
    text = f"What held training back: {text}"
    if shared_cores:
        text += " Loader and step share the CPU's cores: what one takes, the other lacks."
    for name, seconds, setting in (
        ("evaluation", clock.evaluation, "--eval-every"),
        ("writing checkpoints", clock.saving, "--save-epochs and --save-every"),
    ):
        if seconds >= NOTABLE * total:
            text += f" {name.capitalize()} took {100 * seconds / total:.0f} %: see {setting}."
    return text


def duration(seconds: float) -> str:
    """Seconds as people say them: 12.3 s, 4.5 min, 1.2 h."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"
