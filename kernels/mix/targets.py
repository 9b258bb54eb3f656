"""Targets of mixed pictures, and mixing as a plain function on any trainer's batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from fasttricks.kernels.checks import integer, number
from fasttricks.kernels.mix.floats import mix_floats, sent
from fasttricks.kernels.mix.kinds import MIXING, Mix, as_mixes
from fasttricks.kernels.mix.plan import Mixing, Place, plan_mix


class Mixed(NamedTuple):
    """Targets of B pictures that are mixed from k each (2, or 4 if RICAP may be among them)."""

    labels: torch.Tensor
    """[B, k] class indices; or [B, k, ...], rows of whatever the data set's targets are."""
    weights: torch.Tensor
    """float32 [B, k], shares of the picture; they sum to 1."""
    indices: torch.Tensor
    """int64 [B, k]: sample indices in the data set; positions in the batch for `mix`."""

    def soft(self, num_classes: int, smoothing: float = 0.0) -> torch.Tensor:
        """Probabilities float32 [B, num_classes], as `cross_entropy` takes them.

        Args:
            num_classes: K.
            smoothing: epsilon of label smoothing: a class has 1 - eps + eps / K or eps / K, as
                in torch's `CrossEntropyLoss`. Smoothing the mixture is mixing the smoothed.

        Raises:
            ValueError: labels are no class indices, one is K or more (looked at on the CPU only: it
                would stop a GPU), K is no integer >= 1, or smoothing is not in [0, 1).
        """
        if self.labels.ndim != 2 or self.labels.is_floating_point():
            given = f"{self.labels.dtype} {list(self.labels.shape)}"
            places = ", ".join(["...", *["None"] * (self.labels.ndim - 2)])
            raise ValueError(
                f"soft needs class indices [B, k]; the labels are {given}: targets of other kinds "
                f"mix as (labels * weights[{places}]).sum(1)"
            )
        integer("soft: num_classes", num_classes, "an integer >= 1", lambda k: k >= 1)
        number("soft: smoothing", smoothing, "a number in [0, 1)", lambda eps: 0 <= eps < 1)
        labels = self.labels.long()
        if labels.device.type == "cpu" and labels.numel():
            low, high = int(labels.min()), int(labels.max())
            if low < 0 or high >= num_classes:
                wrong = low if low < 0 else high
                raise ValueError(f"label {wrong} does not lie in [0, {num_classes}), K classes")
        shape = len(labels), num_classes
        share = smoothing / num_classes
        result = torch.full(shape, share, dtype=torch.float32, device=labels.device)
        return result.scatter_add_(1, labels, (1 - smoothing) * self.weights)

    def combine(self, values: torch.Tensor) -> torch.Tensor:
        """Mix rows that belong to samples, a teacher's probabilities or logits for one: [B, ...].

        Args:
            values: [N, ...], one row per sample index, on the same device.

        Returns:
            float32, or float64 if the values are that: shares of integers are none.

        Raises:
            ValueError: the values are no such tensor, or have no row for a sample (looked at on the
                CPU only).
        """
        if not isinstance(values, torch.Tensor) or values.ndim == 0:
            given = type(values).__name__
            if shape := getattr(values, "shape", ()):
                given += f" {list(shape)}: give torch.from_numpy(values)"
            raise ValueError(f"combine needs a tensor [N, ...], a row per sample; got a {given}")
        if self.indices.device.type == "cpu" and self.indices.numel():
            last = int(self.indices.max())
            if last >= len(values):
                raise ValueError(f"combine: {len(values)} rows, and none for sample {last}")
        rows = values[self.indices].to(torch.promote_types(values.dtype, torch.float32))
        weights = self.weights.reshape(*self.weights.shape, *[1] * (rows.ndim - 2))
        return (rows * weights.to(rows.dtype)).sum(1)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Mixed:
        """The same on another device."""
        return Mixed(*(part.to(device, non_blocking=non_blocking) for part in self))


def mixed_targets(
    mixing: Mixing, targets: torch.Tensor, indices: torch.Tensor, device: torch.device
) -> Mixed | torch.Tensor:
    """The targets of what was drawn: `Mixed`, or plain ones if pictures were erased only.

    Args:
        mixing: from `plan_mix`.
        targets: [R, ...], targets of the R input rows, on the CPU.
        indices: int64 [R], what to call them.
    """
    rows = torch.from_numpy(mixing.rows)
    if rows.shape[1] == 1:
        return targets[rows[:, 0]].to(device, non_blocking=True)
    mixed = Mixed(targets[rows], torch.from_numpy(mixing.weights), indices[rows])
    return mixed.to(device, non_blocking=True)


def mix(
    images: torch.Tensor,
    targets: torch.Tensor,
    how: Mix | Sequence[Mix],
    generator: torch.Generator | None = None,
) -> tuple[torch.Tensor, Mixed | torch.Tensor]:
    """Mix a trainer's batch: finished pictures and their targets, on their device.

        images, targets = fasttricks.mix(images, targets, Mixup(0.2))
        loss = cross_entropy(model(images), targets.soft(1000, smoothing=0.1))

    Args:
        images: float [B, C, H, W], any memory format, which is kept.
        targets: [B, ...], on any device.
        how: what to do; a tuple or list mixes with its first and erases with the others. With
            `Mixup(pairing="two-batches")` half as many pictures come out.
        generator: a CPU generator that the seed is drawn from; torch's own if None. One in the same
            state on all ranks draws the same for each.

    Returns:
        The new images, and `Mixed`, or the targets themselves if `how` only erases.

    Raises:
        ValueError: an argument is not as said here.
    """
    mixes = as_mixes(how)
    for name, value in (("images", images), ("targets", targets)):
        if not isinstance(value, torch.Tensor):
            raise ValueError(f"mix: {name} must be a torch.Tensor; got {type(value).__name__}")
    if images.ndim != 4 or not images.is_floating_point():
        given = f"{images.dtype} {list(images.shape)}"
        raise ValueError(f"mix: images must be floats [B, C, H, W]; got {given}")
    if 0 in images.shape[1:]:
        raise ValueError(f"mix: there is not a pixel in images of {list(images.shape)}")
    if targets.ndim == 0:
        raise ValueError(f"mix: targets must be [B, ...]; got a single number, {targets.dtype}")
    if len(targets) != len(images) or not len(images):
        raise ValueError(f"mix: {len(images)} images and {len(targets)} targets")
    if not isinstance(generator, torch.Generator | None):
        raise ValueError(f"mix: generator must be a torch.Generator or None; got {generator!r}")
    if generator is not None and generator.device.type != "cpu":
        given = f"one on {generator.device}"
        raise ValueError(f"mix: generator must be on the CPU, or a GPU is waited for; got {given}")
    if not mixes:
        return images, targets
    mixing = drawn(mixes, images.shape, generator)
    out = mix_floats(images, mixing.mixes)
    if not isinstance(mixes[0], MIXING):
        return out, targets
    rows, weights = sent(mixing.rows, targets.device), sent(mixing.weights, targets.device)
    return out, Mixed(targets[rows], weights, rows)


def drawn(
    mixes: tuple[Mix, ...], shape: torch.Size, generator: torch.Generator | None = None
) -> Mixing:
    """What `mix` draws for images of a shape [B, C, H, W]."""
    seed = int(torch.randint(2**63 - 1, (), generator=generator, device="cpu"))
    count, _, height, width = shape
    place = Place(seed=seed, epoch=0, first=0, batch=0, group=min(count, 65535))
    return plan_mix(mixes, place, count, 1, height, width)
