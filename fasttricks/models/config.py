"""What a network is, as plain values: an ablation is a change of one field. No torch in here.

`P1` is "Bag of Tricks for Image Classification with CNNs" (arXiv 1812.01187), `P2` "Compounding the
Performance Improvements of Assembled Techniques in a CNN" (arXiv 2001.06268).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from fasttricks.check import check, check_types

Variant = Literal["original", "b", "c", "d"]
Init = Literal["xavier", "msra-prelu", "he", "he-fan-out", "variance-scaling"]
Stem = Literal["imagenet", "small"]
Position = Literal["sconv", "proj", "maxpool"]
Mask = Literal["channel", "batch", "sample"]
SKKind = Literal["dagger", "original"]
Projection = Literal["always", "changed"]
OutputStride = Literal[32, 16, 8]

DEPTHS = (18, 34, 50, 101, 152)
BOTTLENECK_DEPTHS = (50, 101, 152)


@dataclass(frozen=True, kw_only=True)
class SE:
    """Squeeze-and-excitation on the output of every residual branch (P2 section 3.1.2)."""

    ratio: int = 16
    """The hidden layer has `channels // ratio` units."""
    bias: bool = False
    """Biases in both layers, as SENet has them; the code of P1 and of P2 has none."""

    def __post_init__(self) -> None:
        check_types(self)
        check(self, "ratio", 1 <= self.ratio <= 64, "from 1 to 64")


@dataclass(frozen=True, kw_only=True)
class SK:
    """Selective kernels instead of each bottleneck's 3 x 3 convolution (P2 section 3.1.2)."""

    kind: SKKind = "dagger"
    """`"dagger"`: P2's two 3 x 3 branches. `"original"`: SKNet's 3 x 3 and 3 x 3 with dilation 2 in
    32 groups, inside a bottleneck twice as wide, as in ResNeXt (SKNet-50 has `ratio=16`)."""
    ratio: int = 2
    """The hidden layer has `max(channels // ratio, least)` units."""
    least: int = 32

    def __post_init__(self) -> None:
        check_types(self)
        check(self, "ratio", 1 <= self.ratio <= 64, "from 1 to 64")
        check(self, "least", self.least >= 1, "at least 1")


@dataclass(frozen=True, kw_only=True)
class AntiAlias:
    """A fixed blur carries the stride (P2 section 3.1.3)."""

    filter_size: int = 3
    positions: tuple[Position, ...] = ("sconv",)
    """`"sconv"`: after the strided 3 x 3; `"proj"`: in the shortcut; `"maxpool"`: in the stem."""

    def __post_init__(self) -> None:
        _as_tuple(self, "positions")
        check_types(self)
        check(self, "filter_size", 2 <= self.filter_size <= 7, "from 2 to 7")
        fits = 0 < len(self.positions) == len(set(self.positions))
        check(self, "positions", fits, f"one or more of {_listed(get_args(Position))}, each once")


@dataclass(frozen=True, kw_only=True)
class DropBlock:
    """Training drops squares of features in the last stages (P2 section 3.2.4)."""

    block_size: int = 7
    scales: tuple[float, float, float, float] = (0.0, 0.0, 0.25, 1.0)
    """Share of `1 - keep` in each stage; 0 leaves a stage alone."""
    mask: Mask = "channel"
    """`"channel"`: a mask per sample and channel; `"batch"`: per channel, shared by the batch (P2's
    own code); `"sample"`: per sample, shared by its channels (timm)."""
    keep: float = 0.9
    """Where the schedule ends; it starts at 1, and so does a fresh network."""

    def __post_init__(self) -> None:
        _as_tuple(self, "scales")
        check_types(self)
        check(self, "block_size", self.block_size >= 1, "at least 1")
        fits = len(self.scales) == 4 and all(0 <= scale <= 1 for scale in self.scales)
        check(self, "scales", fits, "four numbers from 0 to 1, one a stage")
        check(self, "keep", 0.01 <= self.keep <= 1, "from 0.01 to 1")


@dataclass(frozen=True, kw_only=True)
class BigLittle:
    """A deep branch at half the resolution beside a slim one at the full (P2 section 3.1.4)."""

    alpha: Literal[1, 2, 4] = 2
    """Divides the little branch's width."""
    beta: int = 4
    """Divides the little branch's depth."""
    projection: Projection = "always"
    """Which groups of blocks project their first shortcut: all (P2's code, the default) or only
    those that change the number of channels (Big-Little Net's code)."""

    def __post_init__(self) -> None:
        check_types(self)
        check(self, "beta", self.beta >= 1, "at least 1")


@dataclass(frozen=True, kw_only=True)
class ResNetConfig:
    """One network of the ResNet family; wrong values and combinations are a ValueError."""

    depth: int = 50
    variant: Variant = "d"
    """P1 figure 2. Big-Little is a `"d"` with a stem and a shortcut pool (3 x 3) of its own."""
    num_classes: int = 1000
    attention: SE | SK | None = None
    antialias: AntiAlias | None = None
    dropblock: DropBlock | None = None
    big_little: BigLittle | None = None
    zero_gamma: bool = True
    """The last batch norm of every residual branch starts with gamma = 0 (P1 section 3.1)."""
    init: Init = "xavier"
    width: float = 1.0
    """Multiplies the channels of every layer, rounded down; no paper's, for small machines."""
    stem: Stem = "imagenet"
    """`"small"`: one 3 x 3 convolution of stride 1 and no max pool, for pictures of about 32 px."""
    output_stride: OutputStride = 32
    """16 or 8: the last one or two stages dilate instead of striding (P1 section 6.2)."""
    bn_momentum: float = 0.1
    """In torch's sense: the share of the new batch. P2 trains with 0.003."""
    bn_eps: float = 1e-5
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_types(self)
        check(self, "depth", self.depth in DEPTHS, f"one of {_listed(DEPTHS)}")
        check(self, "num_classes", self.num_classes >= 1, "at least 1")
        check(self, "width", 0.125 <= self.width <= 4, "from 0.125 to 4")
        check(self, "dropout", 0 <= self.dropout <= 0.99, "from 0 to 0.99")
        _check_bn(self)
        self._check_together()

    def _check_together(self) -> None:
        """Combinations that no definition covers."""
        if self.big_little:
            _allows(self, "big_little", "depth", *BOTTLENECK_DEPTHS)
            _allows(self, "big_little", "variant", "d")
            _allows(self, "big_little", "width", 1.0)
            _allows(self, "big_little", "stem", "imagenet")
            _allows(self, "big_little", "output_stride", 32)
        if isinstance(self.attention, SK):
            _allows(self, "attention SK", "depth", *BOTTLENECK_DEPTHS)
        if self.stem == "small":
            _allows(self, "stem 'small'", "output_stride", 32)
        positions = self.antialias.positions if self.antialias else ()
        if "maxpool" in positions and (self.big_little or self.stem == "small"):
            where = "big_little" if self.big_little else "stem 'small'"
            raise _impossible("antialias.positions", positions, where, ("sconv", "proj"))
        if "sconv" in positions and self.depth in BOTTLENECK_DEPTHS:
            _allows(self, "antialias position 'sconv'", "variant", "b", "c", "d")


@dataclass(frozen=True, kw_only=True)
class InceptionConfig:
    """Inception-V3, as P1 trains it: 299 px, no auxiliary head."""

    num_classes: int = 1000
    aux: bool = False
    """A second classifier on the 17 x 17 map, in training only; the model then returns a pair."""
    init: Init = "xavier"
    bn_momentum: float = 0.1
    bn_eps: float = 1e-3
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_types(self)
        check(self, "num_classes", self.num_classes >= 1, "at least 1")
        check(self, "dropout", 0 <= self.dropout <= 0.99, "from 0 to 0.99")
        _check_bn(self)


@dataclass(frozen=True, kw_only=True)
class MobileNetConfig:
    """MobileNet-V1 of the given width."""

    num_classes: int = 1000
    width: float = 1.0
    """Multiplies the channels of every layer, rounded down."""
    init: Init = "xavier"
    output_stride: OutputStride = 32
    """16 or 8: the last one or two stages dilate instead of striding."""
    bn_momentum: float = 0.1
    bn_eps: float = 1e-5

    def __post_init__(self) -> None:
        check_types(self)
        check(self, "num_classes", self.num_classes >= 1, "at least 1")
        check(self, "width", 0.125 <= self.width <= 4, "from 0.125 to 4")
        _check_bn(self)


ModelConfig = ResNetConfig | InceptionConfig | MobileNetConfig


def _as_tuple(config: object, field: str) -> None:
    """Lists, as JSON has them, become tuples, so that configurations can be hashed."""
    if isinstance(value := getattr(config, field), list):
        object.__setattr__(config, field, tuple(value))


def _check_bn(config: ModelConfig) -> None:
    check(config, "bn_momentum", 0 <= config.bn_momentum <= 1, "from 0 to 1")
    check(config, "bn_eps", 1e-12 <= config.bn_eps <= 1, "from 1e-12 to 1")


def _listed(allowed: Sequence[object]) -> str:
    return ", ".join(map(repr, allowed))


def _allows(config: ResNetConfig, other: str, field: str, *allowed: object) -> None:
    """ValueError if a field has another value than those that go with `other`."""
    if (value := getattr(config, field)) not in allowed:
        raise _impossible(field, value, other, allowed)


def _impossible(field: str, value: object, other: str, allowed: Sequence[object]) -> ValueError:
    return ValueError(f"{field}={value!r} cannot go with {other}: allowed are {_listed(allowed)}")
