"""Which keys the results of each mode have, and of what type: what the sections rely on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fasttricks.bench.report import ResultRow

Check = Callable[[Any], bool]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _positive(value: Any) -> bool:
    return _number(value) and value > 0


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _list(check: Check) -> Check:
    """A list whose items all pass."""
    return lambda value: isinstance(value, list) and all(map(check, value))


def _mapping(check: Check) -> Check:
    """An object whose values all pass, whatever its keys."""
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def _object(**checks: Check) -> Check:
    """An object that has these keys, whose values pass."""
    return lambda value: (
        isinstance(value, dict)
        and all(key in value and check(value[key]) for key, check in checks.items())
    )


def _or(empty: Any, check: Check) -> Check:
    return lambda value: value == empty or check(value)


_SPREAD = dict.fromkeys(("ratio", "p20", "p80"), _positive)
_RATIO = _or(None, _object(**_SPREAD))
_RSS = _object(rss_mb=_number, anonymous_mb=_number)
_MEMORY = _object(pipeline=_text, pictures=_number, peak_mb=_number, epochs=_list(_RSS))
_SLOWDOWN = _object(
    **dict.fromkeys(("time", "p20", "p80", "bytes", "macs", "conv_outputs"), _number),
    paper=_or(None, _object(time=_number, source=_text, what=_text)),
)
_MACHINE = dict.fromkeys(("machine", "versions"), _object())
_IMAGES = dict.fromkeys(("images_per_s", "p20", "p80"), _positive) | {"rates": _list(_positive)}

SCHEMAS: Mapping[str, Mapping[str, Check]] = {
    "pipelines": {
        **dict.fromkeys(("row", "device", "work", "dtype", "data"), _text),
        **dict.fromkeys(("threads", "ratio", "images_per_s_per_core"), _positive),
        **dict.fromkeys(("batch_size", "size", "files", "rounds", "seconds"), _number),
        **dict.fromkeys(("latency_p50_ms", "latency_p99_ms"), _number),
        **dict.fromkeys(("cpu_s_per_1000", "peak_rss_mb", "first_batch_s"), _number),
        **dict.fromkeys(("eval", "cold"), _flag),
        **_IMAGES,
        "stages": _mapping(_number),
        **_MACHINE,
    },
    "kernels": {
        **dict.fromkeys(("row", "way", "device"), _text),
        **dict.fromkeys(("gb_per_s", "copy_gb_per_s", "copy_share", "ratio"), _positive),
        **dict.fromkeys(("rounds", "seconds"), _number),
        "us": _object(p20=_positive, median=_positive, p80=_positive),
        **_MACHINE,
    },
    "models": {
        **dict.fromkeys(("row", "library", "library_model", "model", "device", "dtype"), _text),
        **dict.fromkeys(("gb_per_s", "copy_share", "mb_per_image"), _positive),
        **dict.fromkeys(("batch_size", "size", "rounds", "seconds"), _number),
        **dict.fromkeys(("ours_to_it", "to_eager"), _RATIO),
        **_IMAGES,
        **_MACHINE,
    },
    "train": {
        **dict.fromkeys(("row", "kind", "pipeline", "recipe", "model", "device"), _text),
        "precision": _text,
        "step_ms": _positive,
        **dict.fromkeys(("batch_size", "size", "threads", "files", "rounds", "seconds"), _number),
        **dict.fromkeys(("to_cached", "to_bound"), _RATIO),
        **_IMAGES,
        **_MACHINE,
    },
    "ablation": {
        **dict.fromkeys(("row", "ladder", "model"), _text),
        **dict.fromkeys(("size", "epochs"), _number),
        **dict.fromkeys(("mean", "std", "min", "max", "delta"), _or(None, _number)),
        **dict.fromkeys(("paper_top1", "paper_delta"), _or(None, _number)),
        "in_spread": _or(None, _flag),
        "skipped": _or(None, _text),
        **_MACHINE,
    },
    "memory": {
        "asked": _object(batch_size=_number),
        "results": lambda value: bool(value) and _list(_MEMORY)(value),
        **_MACHINE,
    },
}

SIGNATURES: Mapping[str, set[str]] = {
    "pipelines": {"row", "work", "threads"},
    "kernels": {"row", "way"},
    "models": {"row", "library", "ours_to_it"},
    "train": {"row", "kind", "to_bound"},
    "ablation": {"row", "ladder", "delta"},
    "memory": {"asked", "results"},
}
"""The keys by which the results of a mode are known."""

ADDED: Mapping[str, Mapping[str, tuple[Any, Check]]] = {
    "pipelines": {
        **dict.fromkeys(("compile_s", "decode_s", "kept_mb", "peak_shared_mb"), (0.0, _number)),
        "shards": (0, _number),
        "batches": (True, _flag),
        **dict.fromkeys(("does", "pack", "pixels"), ("", _text)),
        "uncut": ({}, _or({}, _object(samples=_number, stale=_number, damaged=_number))),
        "own": ({}, _or({}, _object(row=_text, **_SPREAD))),
        "notes": ([], _list(_text)),
    },
    "kernels": {"differs": ("", _text), "failed": ([], _list(_text))},
    "models": {"differs": ("", _text), "slowdown": (None, _or(None, _SLOWDOWN))},
    "ablation": {"spread": (None, _or(None, _number)), "top1": ({}, _mapping(_number))},
}
"""What was added to a mode later, or may be absent, and stands for it then."""


def lacking(mode: str, item: ResultRow) -> str:
    """What an item of a mode has not as it should; "" if nothing."""
    for key, check in SCHEMAS[mode].items():
        if key not in item:
            return f"a result of mode {mode} without {key!r}"
        if not check(item[key]):
            return f"a result of mode {mode} with an unknown form of {key!r}"
    for key, (_, check) in ADDED.get(mode, {}).items():
        if key in item and not check(item[key]):
            return f"a result of mode {mode} with an unknown form of {key!r}"
    return ""


def completed(mode: str, item: ResultRow) -> ResultRow:
    """With what is absent filled in."""
    added = {key: default for key, (default, _) in ADDED.get(mode, {}).items()}
    if item.get("reencoded") is True:  # so until the pixels were told in words
        added["pixels"] = "encoded again"
    return added | item
