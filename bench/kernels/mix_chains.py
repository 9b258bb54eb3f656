"""What people mix and erase with, behind the chains of `chains`: more passes over the batch.

Those that draw random numbers of their own (torchvision, timm) do so in every call, as in training,
and mix labels too, as they cannot be told not to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torchvision.transforms import v2

from fasttricks.bench.kernels.case import Scale, Way
from fasttricks.bench.kernels.chains import Chain, built_when_called, eager, torchvision_v2
from fasttricks.installed import is_installed
from fasttricks.kernels.mix.description import CONSTANT, Mixes

CLASSES = 1000
ALPHA = {"mixup": 0.2, "cutmix": 1.0}
"""Of those that others have too."""
Mixer = Callable[[torch.Tensor], torch.Tensor]
"""Finished float32 pictures [B, 3, H, W] to mixed ones; may write to them."""


def chains(scale: Scale, dtype: torch.dtype, name: str, mixes: Mixes) -> Iterator[Way]:
    """Those that can be had here for this kind of mix."""
    behind = eager(torch.float32)
    noise = "noise of its own" if name == "erasing" else ""
    mixer = TORCH[name](mixes, scale.device)
    yield Way(name="torch", call=_joined(behind, mixer, dtype), differs=noise)
    if name != "ricap":
        yield Way(
            name="torchvision v2",
            call=_joined(torchvision_v2(dtype), torchvision_mixer(scale, name), dtype),
            differs="one draw for the whole batch, HSV colours in uint8, no lighting, NCHW",
        )
        if is_installed("timm"):
            yield from _timm(behind, scale, dtype, name)


def _joined(chain: Chain, mixer: Mixer, dtype: torch.dtype) -> Chain:
    return lambda batch: mixer(chain(batch)).to(dtype)


# ------------------------------------------------------------- torch, told what to do as we are


def torch_mixup(mixes: Mixes, device: torch.device) -> Mixer:
    """Blends each picture with its partner."""
    partner, weight = _numbers(mixes, device, "source", "weight")
    weight = weight[:, None, None, None].float()
    return lambda images: images * (1 - weight) + images[partner] * weight


def torch_cutmix(mixes: Mixes, device: torch.device) -> Mixer:
    """Shows a rectangle of each picture's partner."""
    partner, top, left, height, width = _numbers(
        mixes, device, "source", "top", "left", "height", "width"
    )

    def mixer(images: torch.Tensor) -> torch.Tensor:
        rows = torch.arange(images.shape[2], device=device)
        columns = torch.arange(images.shape[3], device=device)
        down = (rows >= top[:, None]) & (rows < (top + height)[:, None])
        across = (columns >= left[:, None]) & (columns < (left + width)[:, None])
        inside = down[:, None, :, None] & across[:, None, None, :]
        return torch.where(inside, images[partner], images)

    return mixer


def torch_ricap(mixes: Mixes, device: torch.device) -> Mixer:
    """Puts four crops together, the same ones for the whole batch."""
    sources = torch.from_numpy(mixes["patches"]["source"].T.copy()).long().to(device)
    quarters = mixes["patches"][0]

    def mixer(images: torch.Tensor) -> torch.Tensor:
        out = torch.empty_like(images)
        for source, q in zip(sources, quarters, strict=True):
            to, taken = _window(q["top"], q["left"], q), _window(q["from_top"], q["from_left"], q)
            out[:, :, *to] = images[source, :, *taken]
        return out

    return mixer


def torch_erasing(mixes: Mixes, device: torch.device) -> Mixer:
    """Writes noise to rectangles, picture by picture."""
    erased = [
        (number, _window(patch["top"], patch["left"], patch))
        for number, patch in enumerate(mixes["patches"][:, 0])
        if mixes["count"][number] and patch["source"] == CONSTANT
    ]

    def mixer(images: torch.Tensor) -> torch.Tensor:
        for number, window in erased:
            images[number, :, *window].normal_()
        return images

    return mixer


TORCH: dict[str, Callable[[Mixes, torch.device], Mixer]] = {
    "mixup": torch_mixup,
    "cutmix": torch_cutmix,
    "ricap": torch_ricap,
    "erasing": torch_erasing,
}


def _numbers(mixes: Mixes, device: torch.device, *fields: str) -> list[torch.Tensor]:
    """Fields of the first patches, [B] each."""
    first = mixes["patches"][:, 0]
    found = [torch.from_numpy(first[field].copy()).to(device) for field in fields]
    return [numbers if numbers.is_floating_point() else numbers.long() for numbers in found]


def _window(top: Any, left: Any, patch: Any) -> tuple[slice, slice]:
    """Rows and columns of a patch whose corner is at (top, left)."""
    rows = slice(int(top), int(top + patch["height"]))
    return rows, slice(int(left), int(left + patch["width"]))


# --------------------------------------------------------------------------- with their own draws


def torchvision_mixer(scale: Scale, name: str) -> Mixer:
    """`torchvision.transforms.v2`."""
    if name == "erasing":
        erase = v2.RandomErasing(p=1.0, scale=(0.02, 0.4), value="random")
        return lambda images: erase(images)
    labels = _labels(scale)
    mix = {"mixup": v2.MixUp, "cutmix": v2.CutMix}[name](alpha=ALPHA[name], num_classes=CLASSES)
    return lambda images: mix(images, labels)[0]


def _timm(behind: Chain, scale: Scale, dtype: torch.dtype, name: str) -> Iterator[Way]:
    def way(called: str, build: Callable[[], Mixer], differs: str) -> Way:
        call = built_when_called(lambda: _joined(behind, build(), dtype))
        return Way(name=called, call=call, differs=differs)

    if name == "erasing":
        yield way("timm", lambda: timm_erasing(scale), "its own draws, NCHW")
    elif scale.batch_size % 2 == 0:  # which it insists on
        for mode, drawn in (("batch", "one draw for the whole batch"), ("elem", "its own draws")):
            build = partial(timm_mixer, scale, name, mode)
            yield way(f"timm {mode}", build, f"{drawn}, NCHW")


def timm_mixer(scale: Scale, name: str, mode: str) -> Mixer:
    """`timm.data.Mixup`; mode "batch" draws once for all pictures, "elem" for each."""
    from timm.data.mixup import Mixup

    alphas = {f"{kind}_alpha": ALPHA[kind] if kind == name else 0.0 for kind in ALPHA}
    mix: Any = Mixup(**alphas, mode=mode, label_smoothing=0.0, num_classes=CLASSES)
    labels = _labels(scale)
    return lambda images: mix(images, labels)[0]


def timm_erasing(scale: Scale) -> Mixer:
    """`timm.data.random_erasing`."""
    from timm.data.random_erasing import RandomErasing

    erase: Any = RandomErasing(
        probability=0.5, min_area=0.02, max_area=0.4, mode="pixel", device=str(scale.device)
    )
    return lambda images: erase(images)


def _labels(scale: Scale) -> torch.Tensor:
    return torch.zeros(scale.batch_size, dtype=torch.int64, device=scale.device)
