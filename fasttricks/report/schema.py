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


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(_positive, value))


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _mapping(check: Check, *keys: str) -> Check:
    """An object that has these keys and whose values all pass."""
    return lambda value: (
        isinstance(value, dict) and value.keys() >= set(keys) and all(map(check, value.values()))
    )


def _or(empty: Any, check: Check) -> Check:
    return lambda value: value == empty or check(value)


_SPREAD = _mapping(_positive, "ratio", "p20", "p80")
_RSS = _mapping(_number, "rss_mb", "anonymous_mb")


def _memory(value: Any) -> bool:
    return isinstance(value, dict) and (
        _text(value.get("pipeline"))
        and _number(value.get("pictures"))
        and _number(value.get("peak_mb"))
        and isinstance(value.get("epochs"), list)
        and all(map(_RSS, value["epochs"]))
    )


def _slowdown(value: Any) -> bool:
    if not (isinstance(value, dict) and "paper" in value):
        return False
    numbers = {key: value[key] for key in value if key != "paper"}
    paper = value["paper"]
    return _mapping(_number, "time", "p20", "p80", "bytes", "macs", "conv_outputs")(numbers) and (
        paper is None
        or (
            isinstance(paper, dict)
            and _number(paper.get("time"))
            and all(_text(paper.get(key)) for key in ("source", "what"))
        )
    )


_MACHINE = {
    "machine": lambda value: isinstance(value, dict),
    "versions": lambda value: isinstance(value, dict),
}
_IMAGES = {"images_per_s": _positive, "p20": _positive, "p80": _positive, "rates": _numbers}

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
        "us": _mapping(_positive, "p20", "median", "p80"),
        **_MACHINE,
    },
    "models": {
        **dict.fromkeys(("row", "library", "library_model", "model", "device", "dtype"), _text),
        **dict.fromkeys(("gb_per_s", "copy_share", "mb_per_image"), _positive),
        **dict.fromkeys(("batch_size", "size", "rounds", "seconds"), _number),
        **dict.fromkeys(("ours_to_it", "to_eager"), _or(None, _SPREAD)),
        **_IMAGES,
        **_MACHINE,
    },
    "train": {
        **dict.fromkeys(("row", "kind", "pipeline", "recipe", "model", "device"), _text),
        "precision": _text,
        "step_ms": _positive,
        **dict.fromkeys(("batch_size", "size", "threads", "files", "rounds", "seconds"), _number),
        **dict.fromkeys(("to_cached", "to_bound"), _or(None, _SPREAD)),
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
        "asked": lambda value: isinstance(value, dict) and _number(value.get("batch_size")),
        "results": lambda value: (
            isinstance(value, list) and bool(value) and all(map(_memory, value))
        ),
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
        "uncut": ({}, _or({}, _mapping(_number, "samples", "stale", "damaged"))),
        "own": (
            {},
            _or(
                {},
                lambda value: (
                    _mapping(lambda _: True, "row")(value)
                    and _text(value["row"])
                    and _SPREAD({key: value[key] for key in value if key != "row"})
                ),
            ),
        ),
        "notes": ([], _texts),
    },
    "kernels": {"differs": ("", _text), "failed": ([], _texts)},
    "models": {"differs": ("", _text), "slowdown": (None, _or(None, _slowdown))},
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
