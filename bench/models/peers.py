"""Who else has a model, what it is called there, and in what it is another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from fasttricks.bench.models import OURS
from fasttricks.installed import is_installed
from fasttricks.models import create_model, model_config
from fasttricks.models.config import BOTTLENECK_DEPTHS, DEPTHS

STRIDE = "its bottlenecks have the stride in the 3 x 3 convolution, as resnet{}b has"
"""Of torchvision's and timm's ResNet, beside the paper's original."""


@dataclass(frozen=True, kw_only=True)
class Library:
    """A library's network."""

    name: str
    """`fasttricks`, `torchvision` or `timm`."""
    model: str
    """What the network is called there."""
    build: Callable[[], nn.Module]
    differs: str = ""
    """In what it is another network than ours; empty where both compute the same."""

    @property
    def key(self) -> tuple[str, str]:
        """Name and model."""
        return self.name, self.model


def libraries(name: str, against: Sequence[str] = ()) -> list[Library]:
    """Ours first, then other networks of ours, then those of the others that are installed and have
    the model.

    Raises:
        UnknownNameError: we have no such model.
    """
    ours = map(_own, (name, *against))
    return [*ours, *(library for library in others(name) if is_installed(library.name))]


def others(name: str) -> list[Library]:
    """The same model elsewhere, or the nearest, installed or not."""
    if name == "inception_v3":
        return [_torchvision(name, aux_logits=False, init_weights=False), _timm(name)]
    if (named := _RESNETS.get(name)) is not None:
        both, theirs, differs = named
        found = [_torchvision(theirs, differs=differs)] if both else []
        return [*found, _timm(theirs, differs)]
    return [_timm(*_TIMM_ONLY[name])] if name in _TIMM_ONLY else []


def _resnets() -> dict[str, tuple[bool, str, str]]:
    """(whether torchvision has it too, what they call it, in what it differs) by our name."""
    found = {}
    for depth in DEPTHS:
        # Basic blocks have no 1 x 1 convolution that could carry the stride.
        same = depth not in BOTTLENECK_DEPTHS
        found[f"resnet{depth}"] = True, f"resnet{depth}", "" if same else STRIDE.format(depth)
        found[f"resnet{depth}b"] = True, f"resnet{depth}", ""
        found[f"resnet{depth}d"] = False, f"resnet{depth}d", ""
        if not same:
            found[f"resnet{depth}c"] = False, f"resnet{depth}c", ""
    return found


_RESNETS = _resnets()
_TIMM_ONLY = {
    "se_resnet50": ("seresnet50", "its squeeze-and-excitation has biases"),
    "sk_resnet50": ("skresnet50", "its selective kernels split the input and dilate one branch"),
    "sk_resnet50d": ("skresnet50d", "its selective kernels split the input and dilate one branch"),
    "sknet50": ("skresnext50_32x4d", "its selective kernels split the input"),
    "mobilenet_v1": ("mobilenetv1_100", "its activation is ReLU6"),
}


def _own(name: str) -> Library:
    model_config(name)
    return Library(name=OURS, model=name, build=lambda: create_model(name))


def _torchvision(model: str, *, differs: str = "", **settings: bool) -> Library:
    def build() -> nn.Module:
        import torchvision

        net: nn.Module = torchvision.models.get_model(model, weights=None, **settings)
        return net

    return Library(name="torchvision", model=model, build=build, differs=differs)


def _timm(model: str, differs: str = "") -> Library:
    def build() -> nn.Module:
        import timm

        net: nn.Module = timm.create_model(model, pretrained=False)
        return net

    return Library(name="timm", model=model, build=build, differs=differs)
