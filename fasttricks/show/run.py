"""`fasttricks show`: find the pictures, ask each pipeline for its own, draw them, say how far they
agree."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from fasttricks.data.samples import Samples
from fasttricks.data.seek.build import index_path
from fasttricks.data.slices import Slices
from fasttricks.data.synthetic import make_synthetic
from fasttricks.errors import FasttricksError, UnknownNameError
from fasttricks.files import check_writable, replacing
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.mix.kinds import (
    RICAP,
    CutMix,
    Cutout,
    Mix,
    Mixup,
    OneOf,
    RandomErasing,
    as_mixes,
)
from fasttricks.kernels.plan import epoch_order
from fasttricks.pipelines.beton.file import Beton
from fasttricks.pipelines.open import open_data
from fasttricks.pipelines.registry import REGISTRY, make_loader, pipelines
from fasttricks.show.collect import Outputs, collect, read_original
from fasttricks.show.columns import Made, columns, farthest
from fasttricks.show.config import ShowConfig
from fasttricks.show.grid import compose

BATCH = 32
"""Samples of a step: the group inside which pictures are mixed. In batches that are a multiple of
it training shows the same."""
ROWS = 6
"""Samples that are shown if none are asked for."""
GENERATED = 128
"""Generated pictures: enough to mix, made in seconds."""
SMALL = 10_000
"""Pictures that are indexed without being asked; more would take minutes."""


def run(config: ShowConfig) -> int:
    """Write the picture; what it shows on stdout, notes on stderr.

    Returns:
        0

    Raises:
        FasttricksError: data, names or packages are not right, or the file cannot be written.
        ValueError: a setting is out of range.
    """
    config.check()
    mix = mixes(config)
    _check_names(config.pipeline_names)
    check_writable(config.out)
    samples, label = open_samples(config)
    names = usable(config.pipeline_names, samples)
    indices = chosen(config, len(samples))
    params = Augment().params(size=config.size, train=True, work="full")
    originals = [read_original(samples, i, config.seed, config.epoch, params) for i in indices]
    cut = _may_cut(samples)
    made = [make(name, samples, config, indices, mix, cut) for name in names]
    _tell_replaced(made)
    how = ", ".join(config.mix_names) or "nothing mixed"
    how += "" if config.alpha is None else f", alpha {config.alpha:g}"
    title = f"{label} · seed {config.seed}, epoch {config.epoch} · {config.size} pixels · {how}"
    picture = compose(title, columns(originals, made, config.size))
    with replacing(config.out) as part:
        picture.save(part, "PNG")
    print(f"{config.out}: samples {', '.join(map(str, indices))} of {label}, by {', '.join(names)}")
    for one in made[1:]:
        print(f"{one.pipeline} against {names[0]}: {farthest(one, made[0])}")
    return 0


def mixes(config: ShowConfig) -> tuple[Mix, ...]:
    """What --mix and --alpha ask for.

    Raises:
        ValueError: it cannot be had, or not together.
    """
    own = () if config.alpha is None else (config.alpha,)
    makers: dict[str, Callable[[], Mix]] = {
        "mixup": lambda: Mixup(*own),
        "cutmix": lambda: CutMix(*own),
        "mixup-or-cutmix": lambda: OneOf(Mixup(*own), CutMix(*own)),
        "ricap": lambda: RICAP(*own),
        "cutout": lambda: Cutout(config.size // 2),
        "erasing": RandomErasing,
    }
    return as_mixes(tuple(makers[name]() for name in config.mix_names))


def open_samples(config: ShowConfig) -> tuple[Samples, str]:
    """The data set and what to call it: `--data`, or generated pictures.

    Raises:
        DataError: there is none.
    """
    if config.data is None:
        return open_data(make_synthetic(count=GENERATED, progress=True)), "generated pictures"
    path = config.data.expanduser()
    return open_data(path), path.resolve().name


def usable(names: list[str], samples: Samples) -> list[str]:
    """The pipelines that are meant, `all` replaced; what it leaves out is told on stderr.

    Raises:
        FasttricksError: none is left.
    """
    found: list[str] = []
    for name in names:
        found += _all(samples, besides=names) if name == "all" else [name]
    if not found:
        raise FasttricksError("no pipeline can be used here; name one to see what it lacks")
    return list(dict.fromkeys(found))


def _all(samples: Samples, besides: list[str]) -> list[str]:
    found = []
    for name, state in pipelines().items():
        why = "" if state.available else state.reason
        if name == "resident":
            why = "would decode the whole data set; ask for it by name"
        elif name == "ffcv" and not isinstance(samples, Beton | Slices):
            why = "reads a pack or a .beton; see fasttricks pack --help"
        if not why:
            found.append(name)
        elif name not in besides:
            print(f"left out: {name}: {why}", file=sys.stderr)
    return found


def chosen(config: ShowConfig, count: int) -> list[int]:
    """The samples to show.

    Raises:
        ValueError: there is no such sample.
    """
    for index in config.indices:
        if index >= count:
            raise ValueError(f"--index: the data set has samples 0 to {count - 1}; got {index}")
    if config.indices:
        return config.indices
    order = epoch_order(np.uint64(config.seed), config.epoch, count)
    return [int(index) for index in order[:ROWS]]


def make(
    name: str,
    samples: Samples,
    config: ShowConfig,
    indices: list[int],
    mix: tuple[Mix, ...],
    cut: bool,
) -> Made:
    """What one pipeline makes of the samples."""

    def outputs(mix: tuple[Mix, ...]) -> Outputs:
        loader = make_loader(
            name,
            samples,
            batch_size=BATCH,
            size=config.size,
            seed=config.seed,
            rank=0,
            world_size=1,
            on_error="replace",
            drop_last=False,
            cut=cut,
            mix=mix,
            mix_group=BATCH,
        )
        with loader:
            return collect(loader, config.epoch, indices)

    return Made(pipeline=name, plain=outputs(()), mixed=outputs(mix) if mix else None)


def _tell_replaced(made: list[Made]) -> None:
    """Each bad sample once, and which pipelines met it: those, whose batches held it."""
    by: dict[str, dict[str, None]] = {}
    for one in made:
        for line in one.plain.replaced:
            by.setdefault(line, {})[one.pipeline] = None
    for line, names in by.items():
        print(f"replaced {line}; by {', '.join(names)}", file=sys.stderr)


def _check_names(names: list[str]) -> None:
    for name in names:
        if name not in REGISTRY and name != "all":
            raise UnknownNameError("pipeline", name, ["all", *REGISTRY])


def _may_cut(samples: Samples) -> bool:
    """Whether loaders should use a seek index: not where making it would take minutes."""
    if len(samples) <= SMALL or index_path(samples).exists():
        return True
    print(
        f"no seek index yet for these {len(samples):,} pictures, so they are decoded whole (the "
        "pixels are the same); fasttricks index makes it",
        file=sys.stderr,
    )
    return False
