"""What a training run is, as plain values; every trick is one field.

`fasttricks train` makes its flags from these classes, so nothing here imports torch. A `Recipe` is
kept in every checkpoint as nested dicts of numbers and strings (`as_dict`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import tyro

from fasttricks.check import check, check_types
from fasttricks.models.names import model_config
from fasttricks.precision import Precision
from fasttricks.train.config_pictures import AugmentConfig, DataConfig, MixConfig
from fasttricks.tricks.step_decay import QUARTERS, StepDecay

__all__ = [
    "AugmentConfig",
    "DataConfig",
    "LossConfig",
    "MixConfig",
    "ModelConfig",
    "OptimConfig",
    "Recipe",
    "ScheduleConfig",
]

Option = bool | int | float | str
_LISTS = ("positions", "scales")
"""Fields inside of fields of a network that hold more than one value."""
WARMUP = 5 / 120
"""Share of the epochs that "Bag of Tricks" warms up for."""

LARGEST_RATE = 1000.0
"""Learning rates above it are slips of the keyboard: one step makes weights of any size of them,
which may still be finite, so that nothing would tell before the next evaluation."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Which network."""

    name: str = "resnet50"
    """A name that `fasttricks models` lists."""
    num_classes: int | None = None
    """Classes that the network tells apart. None: as many as the data has."""
    preset: tyro.conf.Suppress[Mapping[str, Option]] = field(default_factory=dict)
    """What the recipe itself changes of the named network; `options` come on top of it."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """Fields of the network's configuration, such as `stem small attention se zero_gamma False`;
    with a dot those inside a field: `attention.ratio 8 antialias.positions sconv,proj
    dropblock.keep 0.8`; `none` takes a field away."""

    def __post_init__(self) -> None:
        check_types(self)
        check(self, "num_classes", self.num_classes is None or self.num_classes >= 1, "at least 1")
        model_config(self.name, **self.overrides())

    def overrides(self) -> dict[str, Any]:
        """What `create_model` is told besides name and classes: plain values only."""
        given: dict[str, Any] = {}
        for options in (self.preset, self.options):
            _unfold(options, given)
        return given


def _unfold(options: Mapping[str, Option], given: dict[str, Any]) -> None:
    """Put options into `given`; `dropblock.mask` becomes a field of what `dropblock` holds."""
    for name in sorted(options, key=lambda name: "." in name):  # a field before what is inside it
        field_name, dot, part = name.partition(".")
        value = _meant(part, options[name])
        given[field_name] = _inside(given, field_name) | {part: value} if dot else value


def _inside(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What a nested field was given so far; a bare word is the name of what it holds."""
    value = given.get(name)
    return {"name": value} if isinstance(value, str) else dict(value or {})


def _meant(part: str, value: Option) -> object:
    """An option as the network takes it: `none` is None, and lists are divided at commas."""
    if not isinstance(value, str):
        return (value,) if part in _LISTS else value
    if part in _LISTS:
        return tuple(_number(word.strip()) for word in value.split(","))
    return None if value.lower() == "none" else value


def _number(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """How weights are updated."""

    kind: Literal["nesterov", "sgd", "adabound"] = "nesterov"
    """SGD with momentum, Nesterov's or plain, or AdaBound."""
    lr: float | None = None
    """Peak learning rate, taken as it is. None: `lr_per_256` times batch / 256."""
    lr_per_256: float = 0.1
    """Peak learning rate per 256 pictures of a batch (linear scaling)."""
    momentum: float = 0.9
    """Share of the last step that the next one keeps; AdaBound has its own."""
    weight_decay: float = 1e-4
    """Factor of the weights that is added to their gradient."""
    decay_rule: Literal["all", "weights-only", "norms-exempt"] = "all"
    """What decays: all, weights only (no bias decay), all but norms."""
    fold_lr: bool = False
    """Nesterov as MXNet has it: the momentum buffer holds the learning rate, too."""
    final_lr: float = 0.1
    """Of AdaBound: the learning rate that the bounds close in on."""

    def __post_init__(self) -> None:
        check_types(self)
        if self.lr is not None:
            _check_rate(self, "lr")
        for name in ("lr_per_256", "final_lr"):
            _check_rate(self, name)
        check(self, "momentum", 0 <= self.momentum < 1, "in [0, 1)")
        check(self, "weight_decay", 0 <= self.weight_decay <= 1, "in [0, 1]")
        check(self, "fold_lr", not self.fold_lr or self.kind == "nesterov", "for nesterov only")


def _check_rate(config: object, name: str) -> None:
    fits = 0 < getattr(config, name) <= LARGEST_RATE
    check(config, name, fits, f"above 0 and at most {LARGEST_RATE:g}")


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How long, and the learning rate over that time."""

    epochs: int = 120
    """Passes over the training set, warm-up included."""
    kind: Literal["cosine", "linear", "step", "constant"] = "cosine"
    """How the learning rate falls after warm-up: to 0 along a cosine or a line, at `drops`, or not
    at all."""
    warmup: Literal["from-zero", "from-base", "constant"] = "from-zero"
    """Gradual from 0, gradual from `warmup_lr`, or `warmup_lr` and then a jump."""
    warmup_epochs: float = 0.0
    """Epochs that warm-up takes; 0: none."""
    warmup_lr: float = 0.1
    """The learning rate that the last two kinds of warm-up begin with."""
    drops: tuple[float, ...] = QUARTERS
    """Of `step`: when the learning rate is multiplied by `factor` again: below 1 shares of `epochs`
    (30, 60 and 90 of 120), from 1 on epochs."""
    factor: float = 0.1
    """Of `step`: what the learning rate is multiplied by at each drop."""

    def __post_init__(self) -> None:
        check_types(self)
        check(self, "epochs", self.epochs >= 1, "at least 1")
        check(self, "warmup_epochs", self.warmup_epochs >= 0, "at least 0")
        fewer = f"less than the epochs (try --schedule.warmup-epochs {self._short():g})"
        check(self, "warmup_epochs", self.warmup_epochs < self.epochs, fewer)
        _check_rate(self, "warmup_lr")
        check(self, "factor", 0 < self.factor <= 1, "in (0, 1]")
        if self.kind == "step":
            self._check_drops()

    def _short(self) -> float:
        """Epochs of a warm-up that is as long, in proportion, as P1's."""
        return round(self.epochs * WARMUP, 2)

    def _check_drops(self) -> None:
        try:
            first = min(StepDecay(self.epochs, 1, self.drops).drop_epochs, default=self.epochs)
        except ValueError as error:
            fitting = " ".join(f"{share * self.epochs:g}" for share in QUARTERS)
            raise ValueError(f"schedule.{error}; such as --schedule.drops {fitting}") from None
        if first < self.warmup_epochs:
            raise ValueError(
                f"the warm-up of {self.warmup_epochs:g} epochs ends after the learning rate's "
                f"first drop, at {first:g} of {self.epochs}: give --schedule.warmup-epochs "
                f"{self._short():g}, or later --schedule.drops"
            )


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """What is minimised."""

    smoothing: float = 0.0
    """Label smoothing epsilon; 0: none."""
    smoothing_form: Literal["uniform", "paper"] = "uniform"
    """`uniform`: every class gets eps / K, as all code has it; `paper`: the others eps / (K-1)."""
    teacher: str = ""
    """Distil from this checkpoint of ours, or from stored logits (the .npy of `fasttricks
    teacher`)."""
    temperature: float = 20.0
    """Factor by which both networks' logits are divided."""
    distill: Literal["sum", "convex"] = "sum"
    """`sum`: both losses are added (the papers); `convex`: weighted by `distill_weight`."""
    distill_weight: float = 0.5
    """Of `convex`: the share of the labels' loss."""

    def __post_init__(self) -> None:
        check_types(self)
        check(self, "smoothing", 0 <= self.smoothing < 1, "in [0, 1)")
        check(self, "temperature", self.temperature > 0, "above 0")
        check(self, "distill_weight", 0 <= self.distill_weight <= 1, "in [0, 1]")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training run."""

    name: tyro.conf.Suppress[str] = "custom"
    out: str = ""
    """Folder for checkpoints and logs; default: runs/<recipe>."""
    resume: Literal["no", "auto"] = "no"
    """auto: continue from the newest checkpoint in the folder, if there is one."""
    init: str | None = None
    """Begin with these weights where they fit (the head of other classes does not): a checkpoint
    or run folder of ours, or a file of torchvision or timm for the network named."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; auto: on the GPU if there is one."""
    seed: int = 0
    """Seed of the pictures' order and augmentation, the weights, DropBlock and dropout."""
    precision: Precision = "float32"
    """Of the forward pass; float16 with dynamic loss scaling. Weights are float32."""
    compile: bool = False
    """torch.compile the network."""
    cuda_graph: bool = False
    """Replay forward and backward pass as one CUDA graph; for small steps on fast GPUs."""
    accumulate: int = 1
    """Parts that a process divides its share of a batch into, one after the other. BatchNorm and
    mixes that draw per batch see a part at a time."""
    ema: float = 0.0
    """Decay per step of an average of the weights, which is then evaluated; 0: none."""
    log_every: int = 50
    """Steps between looks at the loss, which wait for the device; NaN is seen then."""
    save_every: int = 0
    """Steps between checkpoints inside an epoch, besides those at the ends of epochs; 0: none."""
    save_epochs: int = 1
    """Epochs between checkpoints; the last is always kept, the best is the best of those."""
    keep: int = 3
    """Newest checkpoints to keep, besides the best."""
    eval_every: int = 1
    """Epochs between evaluations; the last one is always evaluated."""
    max_steps: int | None = None
    """Stop after this many steps in all, as if interrupted; for trying things out."""
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    mix: MixConfig = field(default_factory=MixConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    loss: LossConfig = field(default_factory=LossConfig)

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("accumulate", "log_every", "keep", "eval_every", "save_epochs"):
            check(self, name, getattr(self, name) >= 1, "at least 1")
        check(self, "seed", 0 <= self.seed < 2**32, "in [0, 2**32)")
        check(self, "save_every", self.save_every >= 0, "at least 0")
        check(self, "ema", 0 <= self.ema < 1, "in [0, 1)")
        check(self, "max_steps", self.max_steps is None or self.max_steps >= 1, "at least 1")
        graphed = not self.cuda_graph or self.accumulate == 1
        check(self, "cuda_graph", graphed, "False where gradients are accumulated")

    @property
    def folder(self) -> str:
        """Where the run keeps what it writes."""
        return self.out or f"runs/{self.name}"

    def as_dict(self) -> dict[str, Any]:
        """All of it as nested dicts of plain values, and what the network was built with."""
        values = asdict(self)
        values["model"]["overrides"] = self.model.overrides()
        return values
