"""What the papers print about each model, to stand beside our own counts. No torch in here.

Sources, all top-1 and top-5 on ImageNet's validation set:

- P1: "Bag of Tricks for Image Classification with Convolutional Neural Networks", arXiv
  1812.01187v2. The efficient recipe is batch 1024, warmup, zero gamma, no bias decay, FP16, 120
  epochs; table 6 adds refinements to it.
- P2: "Compounding the Performance Improvements of Assembled Techniques in a Convolutional Neural
  Network", arXiv 2001.06268. Its plain ResNet-50 is the variant B. Images per second are for
  inference on a P40, FP32, batch 64.
- zoo: GluonCV's model zoo (dmlc/gluon-cv, docs/model_zoo), by the authors of P1.
- BLN: IBM/BigLittleNet. SKN: implus/SKNet.

GMACs are what the sources call GFLOPs.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Published:
    """One row of a published table; None is what the row leaves out."""

    source: str
    recipe: str
    size: int = 224
    """Side of the test pictures in pixels."""
    parameters: float | None = None
    """In millions."""
    gmacs: float | None = None
    """Thousand millions of multiply-accumulates for one picture of `size`."""
    top1: float | None = None
    top5: float | None = None
    images_per_s: int | None = None


_EFFICIENT = "efficient training"
_BEST = "+ cosine, label smoothing, distillation, mixup"
_NO_TEACHER = "+ cosine, label smoothing, mixup"
_COSINE = "cosine, 120 epochs"
_STEP = "step decay"
_FULL = "all regularisation, AutoAugment, distillation, 600 epochs"


def _p1(table: int, recipe: str, top1: float, top5: float, **more: float) -> Published:
    return _row(f"P1 table {table}", recipe, top1=top1, top5=top5, **more)


def _p2(table: str, recipe: str, top1: float, rate: int, **more: float) -> Published:
    return _row(f"P2 table {table}", recipe, top1=top1, images_per_s=rate, **more)


def _zoo(top1: float, recipe: str) -> Published:
    return _row("zoo", recipe, top1=top1)


def _row(source: str, recipe: str, **figures: float) -> Published:
    return Published(source=source, recipe=recipe, **figures)  # type: ignore[arg-type]


PUBLISHED: dict[str, tuple[Published, ...]] = {
    "resnet50": (
        _p1(5, _EFFICIENT, 76.21, 92.97, parameters=25, gmacs=3.8),
        _p1(2, "baseline", 75.87, 92.70),
        _zoo(77.36, "v1"),
    ),
    "resnet50b": (
        _p1(5, _EFFICIENT, 76.66, 93.28, parameters=25, gmacs=4.1),
        _p2("7, 12: E0", _COSINE, 76.87, 536, gmacs=4.1),
        _p2("2: C0", _STEP, 76.30, 536),
        _zoo(77.67, "v1b"),
    ),
    "resnet50c": (
        _p1(5, _EFFICIENT, 76.87, 93.48, parameters=25, gmacs=4.3),
        _zoo(78.03, "v1c"),
    ),
    "resnet50d": (
        _p1(5, _EFFICIENT, 77.16, 93.52, parameters=25, gmacs=4.3),
        _p1(6, _BEST, 79.29, 94.63),
        _p1(6, _NO_TEACHER, 79.15, 94.58),
        _p2("7, 12: E1", _COSINE, 77.37, 493, gmacs=4.4),
        _p2("7: E3", "label smoothing, mixup, 200 epochs", 79.10, 493),
    ),
    "inception_v3": (
        _p1(3, _EFFICIENT, 77.50, 93.60, size=299),
        _p1(6, _NO_TEACHER, 78.77, 94.39, size=299),
        _p1(2, "baseline", 77.32, 93.43, size=299),
    ),
    "mobilenet_v1": (
        _p1(3, _EFFICIENT, 71.90, 90.47),
        _p1(6, _NO_TEACHER, 73.28, 91.30),
        _p1(2, "baseline", 69.03, 88.71),
        _row("P2 v2 table 9: M0", "120 epochs", top1=72.59),
    ),
    "se_resnet50": (
        _p2("2: C1", _STEP, 77.40, 466),
        _row("P1 table 1", "as cited there", gmacs=3.9, top1=76.71, top5=93.38),
    ),
    "se_resnet50d": (
        _p2("7: E4", "label smoothing, mixup, 200 epochs", 79.71, 420),
        _p2("7: E5", "+ DropBlock, 270 epochs", 80.40, 420),
    ),
    "sk_resnet50": (_p2("2: C3", _STEP, 77.92, 382),),
    "sk_resnet50d": (
        _p2("6: M2, 12", _COSINE, 78.83, 359, gmacs=6.2),
        _p2("7: E8", "label smoothing, mixup, DropBlock, distillation, 600 epochs", 82.10, 359),
    ),
    "sknet50": (_row("SKN", "its own", parameters=27.5, gmacs=4.47, top1=79.21),),
    "bl_resnet50": (_row("BLN", "cosine, 110 epochs", gmacs=2.85, top1=77.59),),
    "assemble_resnet50": (
        _p2("6: M4, 12", _COSINE, 79.39, 312, size=256, gmacs=7.2),
        _p2("7: E11", _FULL, 82.78, 312, size=256),
    ),
    "assemble_resnet152": (
        # Table 12 does not say at which size: 15.8 is nearer to our count at 224 px than at 256.
        _p2("7: E12, 12", f"{_FULL}, EfficientNet-B7 as teacher", 84.19, 143, gmacs=15.8),
    ),
    "resnet18": (_zoo(70.93, "v1"),),
    "resnet18b": (_zoo(70.94, "v1b"),),
    "resnet34": (_zoo(74.37, "v1"),),
    "resnet34b": (_zoo(74.65, "v1b"),),
    "resnet101": (_zoo(78.34, "v1"),),
    "resnet101b": (_zoo(79.20, "v1b"),),
    "resnet101c": (_zoo(79.60, "v1c"),),
    "resnet101d": (_zoo(79.78, "v1d, cosine, label smoothing"), _zoo(80.51, "v1d, + mixup")),
    "resnet152": (_zoo(79.22, "v1"),),
    "resnet152b": (_zoo(79.69, "v1b"),),
    "resnet152c": (_zoo(80.01, "v1c"),),
    "resnet152d": (_zoo(80.26, "v1d, cosine, label smoothing"), _zoo(80.61, "v1d, + mixup")),
}
"""By our names; the first row is the plain recipe, against which a model is compared."""


def published(name: str) -> tuple[Published, ...]:
    """Rows about the model of this name, the plain recipe first; none for what nobody printed."""
    return PUBLISHED.get(name, ())


def best_top1(name: str) -> float | None:
    """The highest top-1 accuracy that a source gives for this model."""
    found = [row.top1 for row in published(name) if row.top1 is not None]
    return max(found, default=None)


@dataclass(frozen=True, kw_only=True)
class Slowdown:
    """What a paper says of the time that one model takes beside another."""

    source: str
    what: str
    """What was timed, and on what."""
    more: float
    """Of the other's time; 0.03 is 3 % longer."""


_P1_SLOWDOWNS = {
    ("resnet50d", "resnet50"): Slowdown(source="P1 beside table 5", what="training", more=0.03),
}


def published_slowdown(name: str, other: str, mode: str) -> Slowdown | None:
    """What is said of `name` beside `other`; None where nobody says it.

    Args:
        mode: `training`, or `inference`: from P2's images per second, at one size of pictures.
    """
    if mode == "training":
        return _P1_SLOWDOWNS.get((name, other))
    for row, their in itertools.product(published(name), published(other)):
        if row.images_per_s and their.images_per_s and row.size == their.size:
            more = round(their.images_per_s / row.images_per_s - 1, 4)
            return Slowdown(source="P2", what="inference on a P40, FP32", more=more)
    return None
