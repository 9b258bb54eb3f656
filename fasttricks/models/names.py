"""The models by name, and how overrides change them. No torch in here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from fasttricks.errors import UnknownNameError
from fasttricks.models.config import (
    DEPTHS,
    SE,
    SK,
    AntiAlias,
    BigLittle,
    DropBlock,
    InceptionConfig,
    MobileNetConfig,
    ModelConfig,
    ResNetConfig,
    Variant,
)

_VARIANTS: dict[str, Variant] = {"": "original", "b": "b", "c": "c", "d": "d"}


def _assemble(depth: int, big_little: BigLittle) -> ResNetConfig:
    """P2 table 7, rows E11 and E12: Big-Little, selective kernels, blur, DropBlock, zero gamma."""
    return ResNetConfig(
        depth=depth,
        attention=SK(),
        antialias=AntiAlias(),
        dropblock=DropBlock(),
        big_little=big_little,
    )


MODELS: dict[str, ModelConfig] = {
    # P1 table 5. torchvision's and timm's `resnet50` is `resnet50b` here.
    **{
        f"resnet{depth}{suffix}": ResNetConfig(depth=depth, variant=variant)
        for depth in DEPTHS
        for suffix, variant in _VARIANTS.items()
    },
    # P2 table 2 adds attention to a ResNet-50 whose stride sits where B has it.
    "se_resnet50": ResNetConfig(variant="b", attention=SE()),
    "se_resnet50d": ResNetConfig(variant="d", attention=SE()),
    "sk_resnet50": ResNetConfig(variant="b", attention=SK()),
    "sk_resnet50d": ResNetConfig(variant="d", attention=SK()),
    # SKNet's own: ResNeXt-like, two different branches.
    "sknet50": ResNetConfig(variant="b", attention=SK(kind="original", ratio=16)),
    # Big-Little Net's own.
    "bl_resnet50": ResNetConfig(big_little=BigLittle(projection="changed")),
    "assemble_resnet50": _assemble(50, BigLittle(alpha=2, beta=4)),
    "assemble_resnet101": _assemble(101, BigLittle(alpha=2, beta=4)),
    "assemble_resnet152": _assemble(152, BigLittle(alpha=1, beta=2)),
    "inception_v3": InceptionConfig(),
    "mobilenet_v1": MobileNetConfig(),
    "mobilenet_v1_075": MobileNetConfig(width=0.75),
    "mobilenet_v1_050": MobileNetConfig(width=0.5),
    "mobilenet_v1_025": MobileNetConfig(width=0.25),
}

_NESTED: dict[str, Callable[..., object]] = {
    "antialias": AntiAlias,
    "dropblock": DropBlock,
    "big_little": BigLittle,
}
_ATTENTION: dict[str, Callable[..., object]] = {"se": SE, "sk": SK}


def list_models() -> list[str]:
    """The names that `create_model` knows, in the order of the papers."""
    return list(MODELS)


def model_config(name: str, **overrides: Any) -> ModelConfig:
    """The named model's configuration with some fields changed; nothing is built.

    A nested field (`attention`, `antialias`, `dropblock`, `big_little`) takes its dataclass, None,
    or a mapping: `dropblock={"keep": 0.8}` changes what the model has, or starts from the defaults
    where it has none. `attention` also takes `"se"`, `"sk"` or a mapping with that under `"name"`.

    Raises:
        UnknownNameError: no such model; the message names the nearest, and what lists all.
        ValueError: an unknown field or a value outside its range; the message says what is allowed.
    """
    if name not in MODELS:
        raise UnknownNameError("model", name, list_models(), see="`fasttricks models` lists all")
    config = MODELS[name]
    _check_fields(name, overrides, (field.name for field in fields(config)))
    return replace(
        config,
        **{
            field: _nested(field, getattr(config, field), value)
            for field, value in overrides.items()
        },
    )


def _nested(field: str, current: Any, given: Any) -> Any:
    """What an override of one field means: mappings become the dataclass that the field holds."""
    if field == "attention":
        return _attention(current, given)
    if field not in _NESTED or not isinstance(given, Mapping):
        return given
    return _changed(field, current or _NESTED[field](), given)


def _attention(current: Any, given: Any) -> Any:
    if isinstance(given, str):
        given = {"name": given}
    if not isinstance(given, Mapping):
        return given
    values = dict(given)
    kind = values.pop("name", None if current is None else type(current).__name__.lower())
    if kind not in _ATTENTION:
        raise ValueError(f"attention name={kind!r}: allowed are 'se', 'sk'")
    start = current if type(current) is _ATTENTION[kind] else _ATTENTION[kind]()
    return _changed("attention", start, values)


def _changed(field: str, start: Any, values: Mapping[str, Any]) -> Any:
    _check_fields(field, values, (part.name for part in fields(start)))
    try:
        return replace(start, **values)
    except ValueError as error:
        raise ValueError(f"{field}.{error}") from None


def _check_fields(owner: str, given: Iterable[str], known: Iterable[str]) -> None:
    allowed = sorted(known)
    for field in given:
        if field not in allowed:
            raise ValueError(f"{owner} has no field {field!r}: allowed are {', '.join(allowed)}")
