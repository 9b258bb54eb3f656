"""Mix finished pictures as torch operations: any device, no synchronisation with the host.

This is for `finish_torch`, whose descriptions are on the device only: everything is computed
everywhere, and then chosen. `mix.floats` is for those who have them on the host.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from fasttricks.kernels.mix.description import CONSTANT, MIX, PATCH, PATCHES, WORDS, word

_MASK = 0xFFFFFFFF


def check_words(words: torch.Tensor, device: torch.device, who: str) -> None:
    """Refuse what cannot be a batch of descriptions; numbers are not looked at."""
    if words.ndim != 2 or words.shape[1] != WORDS or words.dtype != torch.int32:
        given = f"{words.dtype} {list(words.shape)}"
        raise ValueError(
            f"{who}: a mix must be int32 [B, {WORDS}], see kernels.mix.description; got {given}"
        )
    if words.device != device:
        raise ValueError(f"{who}: the mix is on {words.device}, the pictures are on {device}")


def mix_interleaved(pictures: torch.Tensor, words: torch.Tensor, noise: bool) -> torch.Tensor:
    """Make pictures out of finished pictures, as `words` describe it (see `mix.description`).

    The descriptions are not looked at: `kernels.mix.description.check` them on the host.

    Args:
        pictures: float32 or float64 [B_in, H, W, C].
        words: int32 [B_out, WORDS], on the same device.
        noise: False promises that no patch has noise, and saves drawing it for every pixel.

    Returns:
        [B_out, H, W, C] of the same dtype; see `mix.floats.mix_floats` for constants and noise.
    """
    _, height, width, channels = pictures.shape
    own = pictures[_word(words, "own").long()]
    drawn = _normals(words, height, width, channels) if noise else None
    out = own
    for number in range(PATCHES):
        patch = _patch(words, number)
        rows = torch.arange(height, device=words.device) - patch.top[:, None]
        columns = torch.arange(width, device=words.device) - patch.left[:, None]
        down = (rows >= 0) & (rows < patch.height[:, None]) & patch.meant[:, None]
        across = (columns >= 0) & (columns < patch.width[:, None])
        shown = pictures[
            patch.source.clamp(min=0)[:, None, None],
            (rows + patch.from_top[:, None]).clamp(0, height - 1)[:, :, None],
            (columns + patch.from_left[:, None]).clamp(0, width - 1)[:, None, :],
        ]
        value = patch.value if channels == 3 else patch.value[:, :1]
        constant = value[:, None, None].to(shown.dtype)
        if drawn is not None:
            constant = constant + patch.noise[:, None, None, None] * drawn
        shown = torch.where((patch.source == CONSTANT)[:, None, None, None], constant, shown)
        weight = patch.weight[:, None, None, None].to(shown.dtype)
        inside = (down[:, :, None] & across[:, None, :])[..., None]
        out = torch.where(inside, torch.lerp(own, shown, weight), out)
    return out


class _Patch(NamedTuple):
    """PATCH of all outputs: int64 [B] or float32 [B], `value` [B, 3]."""

    top: torch.Tensor
    left: torch.Tensor
    height: torch.Tensor
    width: torch.Tensor
    source: torch.Tensor
    from_top: torch.Tensor
    from_left: torch.Tensor
    weight: torch.Tensor
    value: torch.Tensor
    noise: torch.Tensor
    meant: torch.Tensor
    """bool [B]: it is one of the first `count`."""


def _patch(words: torch.Tensor, number: int) -> _Patch:
    first = word(MIX, "patches") + number * PATCH.itemsize // 4

    def whole(name: str) -> torch.Tensor:
        return words[:, first + word(PATCH, name)].long()

    def real(name: str) -> torch.Tensor:
        return words[:, first + word(PATCH, name)].view(torch.float32)

    value = first + word(PATCH, "value")
    return _Patch(
        top=whole("top"),
        left=whole("left"),
        height=whole("height"),
        width=whole("width"),
        source=whole("source"),
        from_top=whole("from_top"),
        from_left=whole("from_left"),
        weight=real("weight"),
        value=words[:, value : value + 3].view(torch.float32),
        noise=real("noise"),
        meant=_word(words, "count") > number,
    )


def _word(words: torch.Tensor, name: str, number: int = 0) -> torch.Tensor:
    """A field of MIX, int32 [B]."""
    return words[:, word(MIX, name) + number]


def _normals(words: torch.Tensor, height: int, width: int, channels: int) -> torch.Tensor:
    """Standard normal values, float32 [B, H, W, C], for every pixel of every output."""
    blocks = -(-channels // 3)
    counter = torch.arange(blocks * height * width, device=words.device)
    rest = [_word(words, "counter", i)[:, None].long() & _MASK for i in range(3)]
    key = [_word(words, "key", i)[:, None].long() & _MASK for i in range(2)]
    w0, w1, w2, w3 = _philox([counter[None], *rest], key)
    radius0, radius1, angle0, angle1 = _radius(w0), _radius(w2), _angle(w1), _angle(w3)
    three = radius0 * angle0.cos(), radius0 * angle0.sin(), radius1 * angle1.cos()
    by_block = torch.stack(three, -1).reshape(len(words), blocks, height, width, 3)
    by_pixel = by_block.permute(0, 2, 3, 1, 4).reshape(len(words), height, width, 3 * blocks)
    return by_pixel[..., :channels]


def _philox(counter: list[torch.Tensor], key: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Philox4x32-10, see `kernels.philox`, on int64 tensors of values below 2**32.

    A product of 64 bits wraps around in int64; its halves are right all the same.
    """
    x0, x1, x2, x3 = counter
    k0, k1 = key
    for _ in range(10):
        low, high = x0 * 0xD2511F53, x2 * 0xCD9E8D57
        x0, x1, x2, x3 = (
            (high >> 32 & _MASK) ^ x1 ^ k0,
            high & _MASK,
            (low >> 32 & _MASK) ^ x3 ^ k1,
            low & _MASK,
        )
        k0, k1 = (k0 + 0x9E3779B9) & _MASK, (k1 + 0xBB67AE85) & _MASK
    return x0, x1, x2, x3


def _radius(word: torch.Tensor) -> torch.Tensor:
    """sqrt(-2 log(1 - word / 2**32)): the form of the logarithm that is exact on either side."""
    unit = word.float() * 2.0**-32
    rest = (2**32 - word).float() * 2.0**-32
    return (-2 * torch.where(word < 2**31, torch.log1p(-unit), rest.log())).sqrt()


def _angle(word: torch.Tensor) -> torch.Tensor:
    """2 pi word / 2**32, less 2 pi in the upper half: small angles are more exact."""
    return torch.where(word < 2**31, word, word - 2**32).float() * (2 * math.pi * 2.0**-32)
