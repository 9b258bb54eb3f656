"""Settings of a training run that are about pictures: which, how they change, how they mix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from fasttricks.check import check, check_types
from fasttricks.errors import UnknownNameError
from fasttricks.pipelines.registry import REGISTRY
from fasttricks.train.normalize import Normalize
from fasttricks.tricks.progressive import ProgressiveSize


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which pictures, and how they come."""

    path: Annotated[str, tyro.conf.arg(name="data", prefix_name=False)] = ""
    """Folder of class folders, or with train and val inside; a pack; for ffcv a .beton."""
    pipeline: Annotated[str, tyro.conf.arg(prefix_name=False)] = "roi"
    """Which loader: torchvision, roi, resident, dali or ffcv."""
    val: str = ""
    """What to evaluate on, if it is not val inside --data; `none` evaluates on nothing."""
    batch_size: int = 256
    """Pictures per update, over all processes and accumulated parts."""
    size: int = 224
    """Side of training pictures in pixels."""
    progressive: tuple[int, ...] = ()
    """Sides in pixels, one after the other, instead of one size; rising multiples of 32."""
    progressive_starts: tuple[float, ...] = ()
    """Shares of the epochs after which each of them begins, the first 0; default: equal parts."""
    eval_size: int = 224
    """Side of evaluation pictures in pixels."""
    eval_batch_size: int = 256
    """Pictures per step of evaluation, over all processes."""
    views: int = 1
    """Repeated augmentation: a batch holds `batch_size / views` pictures, each this often, so that
    an epoch has as many times the steps."""
    threads: int | None = None
    """Threads or processes of the loader; None: as many as this process may use CPUs."""
    on_error: Literal["raise", "replace"] = "raise"
    """A picture that cannot be decoded stops the run, or is replaced (in evaluation: left out) and
    named at the end."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("batch_size", "eval_batch_size", "views", "size", "eval_size"):
            check(self, name, getattr(self, name) >= 1, "at least 1")
        check(self, "batch_size", self.batch_size % self.views == 0, "a multiple of views")
        check(self, "threads", self.threads is None or self.threads >= 1, "at least 1")
        timed = bool(self.progressive) or not self.progressive_starts
        check(self, "progressive_starts", timed, "empty where data.progressive is")
        if self.progressive:
            try:
                ProgressiveSize(1, self.progressive, self.progressive_starts)
            except ValueError as error:  # "sizes must ..." or "starts must ..."
                name = "progressive" if str(error).startswith("sizes") else "progressive_starts"
                raise ValueError(f"data.{name}: {error}") from None
        if self.pipeline not in REGISTRY:
            raise UnknownNameError("pipeline", self.pipeline, list(REGISTRY))


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """What is done to each training picture; the defaults are those of "Bag of Tricks" 2.1."""

    area: float = 0.08
    """The smallest share of a picture's area that a crop takes."""
    color: Literal["hsv", "hsv-literal", "reference", "none"] = "hsv"
    """How hue, saturation and brightness are scaled; docs/design.md explains the names."""
    jitter: float = 0.4
    """Hue, saturation and brightness are scaled by factors from 1 - jitter to 1 + jitter."""
    lighting: float = 0.1
    """Standard deviation of the three coefficients of the PCA noise, for pixels of 0 to 255."""
    flip: float = 0.5
    """Probability of a left-right flip."""
    policy: Literal["none", "auto", "rand", "trivial"] = "none"
    """AutoAugment, RandAugment or TrivialAugment on the cropped picture."""
    crop_ratio: float = 0.875
    """Of evaluation: crop over resized shorter side."""
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    """Filter that pictures are resized with, in training and evaluation; both are antialiased."""
    normalize: Normalize = "bag-of-tricks"
    """What pixels are normalised by, in training and evaluation: that paper's mean and standard
    deviation, torchvision's, 127.5 for both, or the mean alone of "Assembled CNN"."""

    def __post_init__(self) -> None:
        check_types(self)
        check(self, "area", 0 < self.area <= 1, "in (0, 1]")
        check(self, "jitter", 0 <= self.jitter < 1, "in [0, 1)")
        check(self, "lighting", self.lighting >= 0, "at least 0")
        check(self, "flip", 0 <= self.flip <= 1, "in [0, 1]")
        check(self, "crop_ratio", 0 < self.crop_ratio <= 1, "in (0, 1]")


@dataclass(frozen=True, kw_only=True)
class MixConfig:
    """What is done with several pictures of a batch, and what is erased."""

    kind: Literal["none", "mixup", "cutmix", "ricap", "mixup-or-cutmix"] = "none"
    """At most one of these mixes a picture and its target; the last is either, by chance."""
    alpha: float | None = None
    """Parameter of the Beta distribution that shares are drawn from; None: 0.2 for mixup, 1 for
    CutMix, 0.3 for RICAP."""
    cutmix_alpha: float | None = None
    """Of mixup-or-cutmix: parameter of CutMix's distribution, as `alpha` is mixup's; None: 1."""
    cutmix_share: float = 0.5
    """Of mixup-or-cutmix: the probability that it is CutMix."""
    probability: float = 1.0
    """Probability that a picture is mixed at all (a whole batch, with `per` batch)."""
    per: Literal["sample", "batch"] | None = None
    """One draw for each picture, or for the whole batch of all processes. None: for the batch
    with RICAP, for each picture with the others (the code of CutMix's authors draws per batch)."""
    pairing: Literal["permutation", "two-batches", "halves"] = "permutation"
    """Which pictures are mixed, for mixup: `two-batches` and `halves` are types 1 and 2 of
    "Assembled CNN". `two-batches` reads two pictures for each that is trained on, so that an epoch
    has half as many steps: double `schedule.epochs` and `schedule.warmup_epochs` for as many."""
    group: int = 32
    """Partners lie in the same group of this many pictures; it divides the batch of a process."""
    cutout: int = 0
    """Side of a square hole in pixels; 0: none."""
    erasing: float = 0.0
    """Probability of Random Erasing."""

    def __post_init__(self) -> None:
        check_types(self)
        check(self, "alpha", self.alpha is None or self.alpha > 0, "above 0")
        positive = self.cutmix_alpha is None or self.cutmix_alpha > 0
        check(self, "cutmix_alpha", positive, "above 0")
        for name in ("cutmix_share", "probability"):
            check(self, name, 0 <= getattr(self, name) <= 1, "in [0, 1]")
        by_chance = self.kind == "mixup-or-cutmix" or self.probability < 1
        fits = self.pairing != "two-batches" or not by_chance
        check(self, "pairing", fits, "permutation or halves where mixing is left to chance")
        mixup = self.pairing == "permutation" or self.kind in ("mixup", "mixup-or-cutmix")
        check(self, "pairing", mixup, f"permutation where mix.kind is {self.kind}")
        self._check_unused()
        check(self, "group", self.group >= 1, "at least 1")
        check(self, "cutout", self.cutout >= 0, "at least 0")
        check(self, "erasing", 0 <= self.erasing <= 1, "in [0, 1]")

    def _check_unused(self) -> None:
        """Refuse what `kind` ignores; but alpha as recipes have it may stay where mixup is not."""
        unused = {"alpha": (None, 0.2), "probability": (1.0,)} if self.kind == "none" else {}
        if self.kind != "mixup-or-cutmix":
            unused |= {"cutmix_alpha": (None,), "cutmix_share": (0.5,)}
        for name, left in unused.items():
            fits = getattr(self, name) in left
            check(self, name, fits, f"left alone where mix.kind is {self.kind}")

    @property
    def pictures_per_output(self) -> int:
        """How many pictures are read for each that is trained on."""
        return 2 if self.pairing == "two-batches" else 1
