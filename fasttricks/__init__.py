"""fasttricks: the fastest honest input path for image-classification training.

    loader = fasttricks.make_loader("dali", "imagenet/", batch_size=256, device="cuda")

Names are imported when first used, so that `import fasttricks` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fasttricks.lazy import attributes
from fasttricks.version import __version__

if TYPE_CHECKING:
    from fasttricks import models, pipelines, train
    from fasttricks.data.samples import Samples
    from fasttricks.kernels.augment import Augment
    from fasttricks.kernels.mix.kinds import RICAP, CutMix, Cutout, Mixup, OneOf, RandomErasing
    from fasttricks.kernels.mix.targets import Mixed, mix
    from fasttricks.kernels.policy import AutoAugment, RandAugment, TrivialAugment
    from fasttricks.pipelines.open import open_data
    from fasttricks.pipelines.registry import make_loader

_HOME = {
    "Augment": "fasttricks.kernels.augment",
    "AutoAugment": "fasttricks.kernels.policy",
    "CutMix": "fasttricks.kernels.mix.kinds",
    "Cutout": "fasttricks.kernels.mix.kinds",
    "Mixed": "fasttricks.kernels.mix.targets",
    "Mixup": "fasttricks.kernels.mix.kinds",
    "OneOf": "fasttricks.kernels.mix.kinds",
    "RICAP": "fasttricks.kernels.mix.kinds",
    "RandAugment": "fasttricks.kernels.policy",
    "RandomErasing": "fasttricks.kernels.mix.kinds",
    "Samples": "fasttricks.data.samples",
    "TrivialAugment": "fasttricks.kernels.policy",
    "make_loader": "fasttricks.pipelines.registry",
    "mix": "fasttricks.kernels.mix.targets",
    "open_data": "fasttricks.pipelines.open",
}

_PARTS = ("models", "pipelines", "train")

__all__ = [
    "RICAP",
    "Augment",
    "AutoAugment",
    "CutMix",
    "Cutout",
    "Mixed",
    "Mixup",
    "OneOf",
    "RandAugment",
    "RandomErasing",
    "Samples",
    "TrivialAugment",
    "__version__",
    "make_loader",
    "mix",
    "models",
    "open_data",
    "pipelines",
    "train",
]


_attribute = attributes(globals(), _HOME)


def __getattr__(name: str) -> Any:
    return import_module(f"fasttricks.{name}") if name in _PARTS else _attribute(name)


def __dir__() -> list[str]:
    return __all__
