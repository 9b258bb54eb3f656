"""Pipelines of ours told to do something differently: rows that are measured when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fasttricks.bench.config import WORK, BenchConfig
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.mix.kinds import CutMix, Mixup, OneOf
from fasttricks.kernels.policy import AutoAugment
from fasttricks.precision import PRECISIONS


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What is told to a pipeline, and where that makes sense."""

    options: Mapping[str, Any]
    """For `make_loader`."""
    does: str
    """What is other about it, in words."""
    pixels: str = ""
    """As for `Row`."""
    work: tuple[str, ...] = WORK
    """The levels at which it can be had and is another than its pipeline."""
    dtypes: tuple[str, ...] = PRECISIONS
    evaluates: bool = True
    """Whether it is another in evaluation, too."""

    def misfit(self, config: BenchConfig) -> str:
        """Why it is not to be measured so; "" if it is."""
        if config.work not in self.work:
            return f"is for --work {' or '.join(self.work)}"
        if config.work != "decode" and config.dtype not in self.dtypes:
            return f"is for --dtype {' or '.join(self.dtypes)}"
        return "is for training" if config.eval and not self.evaluates else ""


WHOLE = Variant(options={"cut": False}, does="uncut files decoded")
"""Decodes whole files: what cutting gains is the difference."""

BICUBIC = Variant(
    options={"augment": Augment(interpolation="bicubic")}, does="resized with the cubic filter"
)
"""As timm's weights want it."""

MIXUP = Variant(
    options={"mix": Mixup(0.2)},
    does="and mixup, a share for each picture",
    work=("full",),
    evaluates=False,
)
"""What mixing costs."""

EITHER = Variant(
    options={"mix": OneOf(Mixup(0.2), CutMix(1.0))},
    does="and mixup or CutMix, by chance for each picture",
    work=("full",),
    evaluates=False,
)

AUTOAUGMENT = Variant(
    options={"augment": Augment(policy=AutoAugment())},
    does="and AutoAugment",
    work=("full",),
    evaluates=False,
)

SCALED = Variant(
    options={"exact": False},
    does="large crops shrunk while they are decoded",
    pixels="decoded at 1/2, 1/4 or 1/8 where crops are large",
)

GRAPH = Variant(
    options={"finish": "graph"},
    does="finished by DALI",
    work=("normalise", "full"),
    dtypes=("float32", "float16"),
)

FUSED = Variant(
    options={"finish": "fused"}, does="finished by our kernel", work=("normalise", "full")
)

CUTTING = ("roi", "dali", "torchvision", "ffcv")
EVERYWHERE = (*CUTTING, "resident")
VARIANTS = {
    f"{pipeline}:{name}": variant
    for name, variant, pipelines in (
        ("whole", WHOLE, CUTTING),
        ("bicubic", BICUBIC, EVERYWHERE),
        ("mixup", MIXUP, EVERYWHERE),
        ("mixup-or-cutmix", EITHER, EVERYWHERE),
        ("autoaugment", AUTOAUGMENT, ("roi", "dali")),
        ("scaled", SCALED, ("roi",)),
        ("graph", GRAPH, ("dali",)),
        ("fused", FUSED, ("dali",)),
    )
    for pipeline in pipelines
}
"""By the name of their row: what is before the colon is the pipeline. Only measured when asked for
by name."""


def pipeline_of(name: str) -> str:
    """The pipeline that a row is, or is a variant of."""
    return name.partition(":")[0]


def does(name: str) -> str:
    """What is other about a row, to be put behind what its pipeline does."""
    return f", {VARIANTS[name].does}" if name in VARIANTS else ""


def options_of(name: str, batch_size: int) -> dict[str, Any]:
    """What a row's pipeline is told besides what all are told."""
    if name not in VARIANTS:
        return {}
    options = dict(VARIANTS[name].options)
    if "mix" in options and batch_size % 32:
        options["mix_group"] = batch_size  # the usual groups of 32 do not fill such a batch
    return options
