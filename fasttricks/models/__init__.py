"""The networks of both papers: every ResNet tweak, Inception-V3, MobileNet, by name.

    model = fasttricks.models.create_model("resnet50d", num_classes=10, attention="se")

Names that need torch are imported when first used, so that the command line can read the
configurations without it.
"""

from typing import TYPE_CHECKING

from fasttricks.lazy import attributes
from fasttricks.models.config import (
    SE,
    SK,
    AntiAlias,
    BigLittle,
    DropBlock,
    InceptionConfig,
    MobileNetConfig,
    ModelConfig,
    ResNetConfig,
)
from fasttricks.models.names import list_models, model_config

if TYPE_CHECKING:
    from fasttricks.models.builders import build_model, create_model
    from fasttricks.models.dropblock import set_keep

_HOME = {
    "build_model": "fasttricks.models.builders",
    "create_model": "fasttricks.models.builders",
    "set_keep": "fasttricks.models.dropblock",
}

__all__ = [
    "SE",
    "SK",
    "AntiAlias",
    "BigLittle",
    "DropBlock",
    "InceptionConfig",
    "MobileNetConfig",
    "ModelConfig",
    "ResNetConfig",
    "build_model",
    "create_model",
    "list_models",
    "model_config",
    "set_keep",
]

__getattr__ = attributes(globals(), _HOME)


def __dir__() -> list[str]:
    return __all__
