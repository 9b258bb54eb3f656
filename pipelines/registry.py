"""The one door to every loader, and what can be opened with what is installed."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Never

from fasttricks.errors import FasttricksError, MissingExtraError, UnknownNameError, did_you_mean
from fasttricks.installed import NO_TURBOJPEG, find_turbojpeg, is_installed

if TYPE_CHECKING:
    import torch

    from fasttricks.data.samples import Samples
    from fasttricks.kernels.augment import Augment
    from fasttricks.kernels.mix.kinds import Mix
    from fasttricks.pipelines.loader import Loader


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a pipeline lives and what it needs."""

    module: str
    factory: str
    packages: tuple[str, ...] = ()
    extra: str = ""
    turbojpeg: bool = False
    """Whether it calls the system's libturbojpeg."""
    instead: str = ""
    """A package used instead where that is missing; `extra` installs it."""
    scales: bool = False
    """Whether it can decode at a smaller scale (`exact=False`)."""


REGISTRY = {
    "torchvision": Entry("fasttricks.pipelines.torchvision", "TorchvisionLoader"),
    "roi": Entry(
        "fasttricks.pipelines.roi.loader",
        "RoiLoader",
        extra="roi",
        turbojpeg=True,
        instead="simplejpeg",
        scales=True,
    ),
    "resident": Entry(
        "fasttricks.pipelines.resident.loader",
        "ResidentLoader",
        extra="roi",
        turbojpeg=True,
        instead="simplejpeg",
    ),
    "dali": Entry("fasttricks.pipelines.dali.loader", "DaliLoader", ("nvidia.dali",), "dali"),
    "ffcv": Entry(
        "fasttricks.pipelines.ffcv.loader", "FFCVLoader", ("ffcv",), "ffcv", turbojpeg=True
    ),
}


ELSEWHERE = {
    "num_workers": "give num_threads, whose default fits",
    **dict.fromkeys(
        ("pin_memory", "prefetch_factor", "persistent_workers"), "leave it out: loaders see to it"
    ),
    "shuffle": "train=True shuffles, train=False keeps the order of the files",
    "sampler": "give Samples.take(indices) as data; rank and world_size for a DistributedSampler",
    "transform": "give augment=fasttricks.Augment(...)",
    "collate_fn": "give mix=fasttricks.Mixup(...) or its like; batches are tensors already",
}
"""What takes the place of arguments of torch's DataLoader and Dataset
(docs/integrations/index.md)."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a pipeline can be used here, and if not, why and what to install."""

    name: str
    available: bool
    reason: str = ""


def _missing(packages: tuple[str, ...]) -> str | None:
    """The first package that is not installed."""
    return next((package for package in packages if not is_installed(package)), None)


def _missing_library(entry: Entry) -> str:
    """Which system library a pipeline lacks and how to get it; "" if it can do without."""
    if not entry.turbojpeg or find_turbojpeg():
        return ""
    if not entry.instead:
        return NO_TURBOJPEG
    if is_installed(entry.instead):
        return ""
    return f"{NO_TURBOJPEG}, or pip install 'fasttricks[{entry.extra}]' for {entry.instead}"


def pipelines() -> dict[str, Availability]:
    """Every pipeline by name, with its availability on this machine."""
    result = {}
    for name, entry in REGISTRY.items():
        missing = _missing(entry.packages)
        reason = f"{missing} is not installed: pip install 'fasttricks[{entry.extra}]'"
        reason = reason if missing else _missing_library(entry)
        result[name] = Availability(name, not reason, reason)
    return result


def require(name: str) -> Entry:
    """A pipeline that can be used here.

    Raises:
        UnknownNameError: there is none of this name.
        MissingExtraError: its package is not installed.
        FasttricksError: a system library is missing.
    """
    if name not in REGISTRY:
        raise UnknownNameError("pipeline", name, list(REGISTRY))
    entry = REGISTRY[name]
    if missing := _missing(entry.packages):
        raise MissingExtraError(missing, entry.extra)
    if lacking := _missing_library(entry):
        raise FasttricksError(f"pipeline {name}: {lacking}")
    return entry


def _instead(setting: str) -> str:
    """What to give for a setting that `make_loader` has not."""
    if setting in ELSEWHERE:
        return ELSEWHERE[setting]
    known = list(inspect.signature(make_loader).parameters)[:-1]
    return f"{did_you_mean(setting, known)}known: {', '.join(known)}"


def _device(device: str | torch.device) -> torch.device:
    import torch

    try:
        return torch.device(device)
    except (RuntimeError, TypeError):  # a name that is none; no name
        raise ValueError(f"device must be cpu or cuda[:n]; got {device!r}") from None


def make_loader(
    name: str,
    data: str | os.PathLike[str] | Samples,
    *,
    batch_size: int,
    train: bool = True,
    size: int | Callable[[int], int] = 224,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    augment: Augment | None = None,
    work: str = "full",
    views: int = 1,
    seed: int = 0,
    rank: int | None = None,
    world_size: int | None = None,
    num_threads: int | None = None,
    on_error: str = "raise",
    drop_last: bool | None = None,
    cut: bool = True,
    index: bool | str | os.PathLike[str] = True,
    exact: bool = True,
    mix: Mix | Sequence[Mix] | None = None,
    mix_group: int = 32,
    finish: str = "auto",
    **unknown: Never,
) -> Loader:
    """Open a loader: iterate for `(images, targets)`, the same pictures whatever the pipeline.

    images: [B, 3, size, size] channels_last in `dtype` on `device`; targets: the rows of
    `data.targets`, class indices int64 [B] for folders.

    Args:
        name: a name from `pipelines()`. `resident` decodes the whole set now, once for all
            processes of the node, and keeps it: in shared memory (a file in /dev/shm, or in the
            folder $FASTTRICKS_SHM) or on the GPU. A set that does not fit is refused with its size.
        data: a folder `root/class/picture`, a pack, or a folder with `train` and `val` of either
            inside; a `.beton` written by `fasttricks pack`; or `Samples`.
        batch_size: samples per step on this rank.
        train: random augmentation in shuffled order; else the evaluation transform in file order,
            every sample exactly once, but for bad ones that are replaced (`on_error`).
        size: side of the output in pixels, or a function of the epoch (progressive resizing).
        device: "cpu" or "cuda[:n]".
        dtype: float32 (default), float16 or bfloat16. work="decode" gives uint8.
        augment: the transform; default `Augment()`.
        work: "decode": crop, resize, flip to uint8; "normalise": also normalise; "full": also
            jitter colour.
        views: augmentations per sample, view-major in the batch.
        seed: with the epoch and the sample's index, decides everything random.
        rank, world_size: this process among those that share an epoch; default from torchrun's
            environment (RANK, WORLD_SIZE), else 0 of 1.
        num_threads: decoding threads or workers, at most 1024; default the CPUs this rank may use.
        on_error: "raise" a BadSampleError naming file, index and cause, or "replace" the sample by
            the next good one and list it in `loader.errors`. In evaluation, too, where that one is
            then counted twice, unless you leave out the rows whose `loader.indices` are listed.
        drop_last: leave out a last short batch; default True in training, False in evaluation.
        cut: cut what the crop needs out of each JPEG before decoding it; the pixels are the same.
            The first use of a data set indexes it, which reads every file once. False decodes
            whole files.
        index: the seek index that says where JPEGs can be cut. True: in its usual place, made if
            there is none. A path: this file, as `fasttricks index DATA --out FILE` writes it.
            False: none, as cut=False, beside which a path is a ValueError. What it lacks is decoded
            whole and counted in `loader.stats` ("stale": changed since then, "damaged").
        exact: False lets `roi` decode at 1/2, 1/4 or 1/8 of the size where the crop has more than
            twice the pixels of the output on both axes. Faster on large pictures, but with other
            pixels: on those of ImageNet that it touches (2 % of crops at 224 pixels) levels differ
            by 1 on average, 1 in 1000 by more than 19, and 97 at most. Other pipelines cannot:
            ValueError.
        mix: for training: `Mixup`, `CutMix`, `RICAP`, `OneOf` these by chance, `Cutout`,
            `RandomErasing`, or a tuple or list whose first mixes pictures and whose others erase.
            Where pictures are mixed, targets are `Mixed`.
        mix_group: pictures are mixed only within groups of this many consecutive samples of the
            epoch's global order. It must divide the batch, so that the mixes of whole batches do
            not depend on the world size; of a short last one (drop_last=False) they do.
        finish: for `dali`: "graph", colour and normalisation by DALI itself (float32 and float16,
            colour hsv or none, nothing mixed), or "fused", by our kernel. "auto" is fused on the
            CPU, which measured faster, and on a GPU the graph where it can, which is not measured.
            "graph" and "fused" are a ValueError for other pipelines and with work="decode".

    Raises:
        UnknownNameError: no such pipeline or option value.
        MissingExtraError: the pipeline's package is not installed.
        DataError: the data cannot be used.
        ValueError: a setting is out of range.
        TypeError: there is no such setting; the message says what takes its place.
    """
    for other in unknown:
        raise TypeError(f"make_loader has no {other!r}; {_instead(other)}")
    entry = require(name)
    if exact is False and not entry.scales:
        able = ", ".join(other for other, its in REGISTRY.items() if its.scales)
        raise ValueError(
            f"pipeline {name} always decodes at full scale: exact=False is for {able} only"
        )

    if finish in ("graph", "fused") and name != "dali":
        raise ValueError(f'finish="{finish}" is for dali only; pipeline {name} has only one finish')

    import torch

    from fasttricks.kernels.augment import Augment
    from fasttricks.kernels.mix.kinds import as_mixes
    from fasttricks.pipelines.options import Options

    if (rank is None) != (world_size is None):
        raise ValueError("give both rank and world_size, or neither (torchrun's are then taken)")
    given = {"rank": rank, "world_size": world_size, "num_threads": num_threads}
    options = Options(
        batch_size=batch_size,
        train=train,
        size=size,
        device=_device(device),
        dtype=torch.float32 if dtype is None else dtype,
        augment=Augment() if augment is None else augment,
        work=work,
        views=views,
        seed=seed,
        on_error=on_error,
        cut=cut,
        index=index,
        exact=exact,
        drop_last=train if drop_last is None else drop_last,
        mix=as_mixes(mix),
        mix_group=mix_group,
        finish=finish,
        **{key: value for key, value in given.items() if value is not None},
    )
    try:
        factory = getattr(importlib.import_module(entry.module), entry.factory)
    except ImportError as error:
        if not entry.packages:
            raise
        raise MissingExtraError(entry.packages[0], entry.extra, str(error)) from error
    loader: Loader = factory.open(data, options)
    return loader
