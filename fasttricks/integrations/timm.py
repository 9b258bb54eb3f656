"""A loader in the place of timm's `PrefetchLoader` (timm/data/loader.py, used by its train.py)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from fasttricks.integrations.trainer import TrainerLoader
from fasttricks.kernels.checks import integer, number
from fasttricks.kernels.mix.kinds import MIXING, CutMix, Mixup, OneOf
from fasttricks.kernels.mix.targets import Mixed
from fasttricks.pipelines.loader import Loader, Step

MODES = {"batch": "batch", "elem": "sample"}


def timm_mix(
    *,
    mixup: float = 0.0,
    cutmix: float = 0.0,
    prob: float = 1.0,
    switch_prob: float = 0.5,
    mode: str = "batch",
) -> OneOf | None:
    """What timm's flags --mixup, --cutmix, --mixup-prob, --mixup-switch-prob and --mixup-mode mean.

    Args:
        mixup, cutmix: alpha of each; 0: without it.
        prob: that anything is mixed.
        switch_prob: where both may be, that it is CutMix.
        mode: "batch" or "elem"; "pair" has no equal.

    Returns:
        For `make_loader(mix=...)`; None if neither is meant.

    Raises:
        ValueError: one is out of range.
    """
    for name, alpha in (("mixup", mixup), ("cutmix", cutmix)):
        number(f"timm_mix: {name}", alpha, "a number >= 0", lambda a: a >= 0)
    for name, share in (("prob", prob), ("switch_prob", switch_prob)):
        number(f"timm_mix: {name}", share, "a number in [0, 1]", lambda p: 0 <= p <= 1)
    if mode not in MODES:
        raise ValueError(f"timm_mix: mode must be one of {', '.join(MODES)}; got {mode!r}")
    per = MODES[mode]
    kinds = ((Mixup, mixup, 1 - switch_prob), (CutMix, cutmix, switch_prob))
    meant = [(kind(alpha, per=per), weight) for kind, alpha, weight in kinds if alpha]
    if not meant:
        return None
    mixes, weights = zip(*meant, strict=True)
    return OneOf(*mixes, weights=weights if len(mixes) > 1 else None, probability=prob, per=per)


class TimmLoader(TrainerLoader):
    """Batches on the device, `sampler.set_epoch`, and `mixup_enabled`, which may be set to False.

        mix = timm_mix(mixup=0.2, cutmix=1.0)
        loader = make_loader("roi", "imagenet", batch_size=256, mix=mix)
        loader = TimmLoader(loader, num_classes=1000, smoothing=0.1)

    As with timm's mixing, a loader that mixes gives soft targets, float32 [B, num_classes], also
    after mixing has been switched off, so that the loss stays the same. One that does not gives
    class indices int64 [B].

    Args:
        loader: from `make_loader`.
        num_classes: K of the soft targets; needed where pictures are mixed.
        smoothing: label smoothing of the soft targets; where nothing is mixed it is the loss that
            smooths, as in timm's train.py.

    Raises:
        ValueError: no such loader, one of the others is out of range; pictures are mixed, and
            `num_classes` is missing; or they are not, and `smoothing` would do nothing.
    """

    def __init__(
        self, loader: Loader, *, num_classes: int | None = None, smoothing: float = 0.0
    ) -> None:
        super().__init__(loader)
        if num_classes is not None:
            integer("TimmLoader: num_classes", num_classes, "an integer >= 1", lambda k: k >= 1)
        number("TimmLoader: smoothing", smoothing, "a number in [0, 1)", lambda eps: 0 <= eps < 1)
        self._mix = loader.options.mix
        self._smoothing = smoothing
        self._soft_classes = num_classes if self.mixup_enabled else None
        if self.mixup_enabled and num_classes is None:
            raise ValueError("TimmLoader: the loader mixes pictures, so give num_classes")
        if smoothing and not self.mixup_enabled:
            raise ValueError(
                "TimmLoader: the loader mixes no pictures, so its targets are class indices, which "
                f"cannot be smoothed; leave out smoothing={smoothing} and give it to the loss"
            )

    @property
    def mixup_enabled(self) -> bool:
        """Whether pictures are mixed, by whatever `mix` says. Set it between epochs."""
        return any(isinstance(mix, MIXING) for mix in self.loader.options.mix)

    @mixup_enabled.setter
    def mixup_enabled(self, wanted: bool) -> None:
        if wanted == self.mixup_enabled:
            return
        old = self.loader
        erasing = tuple(mix for mix in self._mix if not isinstance(mix, MIXING))
        options = replace(old.options, mix=self._mix if wanted else erasing)
        # `resident`: in GPU memory a data set must not be there twice; in shared memory it is gone
        # with its last user, and would be decoded again.
        on_gpu = options.device.type == "cuda"
        if on_gpu:
            old.close()
        self.loader = type(old).open(old.dataset, options)
        if not on_gpu:
            old.close()
        self.loader.load_state_dict(old.state_dict())
        self.loader.errors, self.loader.stats = old.errors, old.stats

    def __iter__(self) -> Iterator[Step]:
        for images, targets in super().__iter__():
            yield images, self._as_timm(targets)

    def _as_timm(self, targets: torch.Tensor | Mixed) -> torch.Tensor | Mixed:
        if self._soft_classes is None:
            return targets
        if isinstance(targets, torch.Tensor):  # unmixed: each picture is all of itself
            alone = targets[:, None]
            targets = Mixed(alone, torch.ones_like(alone, dtype=torch.float32), alone)
        return targets.soft(self._soft_classes, self._smoothing)
