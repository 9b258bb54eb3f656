"""The operations by torch's own on many pictures at once, for any device.

They give the bytes of the numba kernels: the same float32 numbers in the same order, each rounded
on its own. So nothing here is fused: no `addcmul`, no `add(alpha=...)`, no compiled function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from fasttricks.kernels.ops.space import POINT
from fasttricks.kernels.ops.tone import MOST_HUE
from fasttricks.kernels.steps import Op

_CUT, _ROUND = 0.0, 0.5


@dataclass(frozen=True, slots=True)
class Numbers:
    """What n pictures' steps of one operation depend on, on the pictures' device."""

    amount: Tensor
    """float32 [n, 1, 1, 1], as the next two."""
    second: Tensor
    third: Tensor
    maps: Tensor
    """int64 [6, n, 1, 1]: `ops.space.source_map` of each."""


def apply(op: Op, x: Tensor, numbers: Numbers) -> Tensor:
    """Do an operation on uint8 [n, H, W, 3], H and W not 0; gives another uint8 [n, H, W, 3]."""
    return _OPS[op](x, numbers)


def _bytes(value: Tensor) -> Tensor:
    """Cut off to 0-255."""
    return value.clamp_(0, 255).to(torch.uint8)


def _channels(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    red, green, blue = x.float().unbind(-1)
    return red, green, blue


def _grey(x: Tensor) -> Tensor:
    red, green, blue = _channels(x)
    return ((red * 2989 + green * 5870 + blue * 1140 + 0.5) * 1e-4).int()


def _mean_grey(x: Tensor) -> Tensor:
    total = _grey(x).sum((1, 2), dtype=torch.int64)
    return _per_picture(total.double() / (x.shape[1] * x.shape[2]))


def _mean_luma(x: Tensor) -> Tensor:
    red, green, blue = x.sum((1, 2), dtype=torch.int64).unbind(-1)
    total = 299 * red + 587 * green + 114 * blue
    return _per_picture(total.double() / (1000 * x.shape[1] * x.shape[2]))


def _per_picture(mean: Tensor) -> Tensor:
    return mean.float()[:, None, None, None]


def _warp(x: Tensor, n: Numbers) -> Tensor:
    count, height, width, _ = x.shape
    xx, xy, x0, yx, yy, y0 = n.maps
    down = torch.arange(height, device=x.device)[:, None]
    across = torch.arange(width, device=x.device)
    row = (yx * across + yy * down + y0) >> POINT
    column = (xx * across + xy * down + x0) >> POINT
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    at = torch.where(inside, row * width + column, 0).reshape(count, -1, 1).expand(-1, -1, 3)
    moved = x.reshape(count, -1, 3).gather(1, at).view_as(x)
    return torch.where(inside[..., None], moved, n.second.to(torch.uint8))


def _auto_contrast(x: Tensor, n: Numbers) -> Tensor:
    least, most = (f(x, (1, 2), keepdim=True).float() for f in (torch.amin, torch.amax))
    flat = most == least
    unit = (most - least) * (1 / 255)
    stretched = (x - least) / torch.where(flat, 1.0, unit)
    return torch.where(flat, x, _bytes(stretched))


def _equalize(x: Tensor, n: Numbers) -> Tensor:
    count, height, width, _ = x.shape
    levels = x.reshape(count, -1, 3).long()
    counts = torch.zeros((count, 256, 3), dtype=torch.int64, device=x.device)
    counts.scatter_add_(1, levels, torch.ones_like(levels))
    up_to = counts.cumsum(1)
    of_brightest = counts.gather(1, levels.amax(1, keepdim=True))
    step = (height * width - of_brightest) // 255
    some = step.clamp(min=1)
    table = ((up_to - counts + step // 2) // some).clamp_(max=255)
    return torch.where(step[:, None] > 0, table.gather(1, levels).to(torch.uint8).view_as(x), x)


def _solarize(x: Tensor, n: Numbers) -> Tensor:
    return torch.where(x >= n.amount, 255 - x, x)


def _posterize(x: Tensor, n: Numbers) -> Tensor:
    mask = (torch.bitwise_right_shift(0xFF00, n.amount.int()) & 0xFF).to(torch.uint8)
    return x & mask


def _scale(x: Tensor, factor: Tensor, offset: Tensor | float) -> Tensor:
    return _bytes(x.float() * factor + offset)


def _contrast(x: Tensor, n: Numbers) -> Tensor:
    return _scale(x, n.amount, _mean_grey(x) * (1 - n.amount))


def _fade(x: Tensor, n: Numbers) -> Tensor:
    return _scale(x, n.amount, n.second * (1 - n.amount))


def _jitter_contrast(x: Tensor, n: Numbers) -> Tensor:
    return _scale(x, n.amount, _mean_luma(x) * (1 - n.amount) + _ROUND)


def _color(x: Tensor, n: Numbers) -> Tensor:
    return _scale(x, n.amount, _grey(x)[..., None].float() * (1 - n.amount))


def _saturate(x: Tensor, n: Numbers) -> Tensor:
    red, green, blue = _channels(x)
    luma = (red * 299 + green * 587 + blue * 114) * 1e-3
    return _scale(x, n.amount, luma[..., None] * (1 - n.amount) + _ROUND)


def _sharpen(x: Tensor, n: Numbers) -> Tensor:
    if min(x.shape[1:3]) < 3:
        return x
    whole = x.int()
    columns = whole[:, :-2] + whole[:, 1:-1] + whole[:, 2:]
    inner = whole[:, 1:-1, 1:-1]
    total = columns[:, :, :-2] + columns[:, :, 1:-1] + columns[:, :, 2:] + 4 * inner
    smooth = (total.float() * (1 / 13) + 0.5).int().float()
    value = inner.float()
    result = x.clone()
    result[:, 1:-1, 1:-1] = _bytes(value + (smooth - value) * (1 - n.amount))
    return result


def _scale_hsv(x: Tensor, n: Numbers) -> Tensor:
    red, green, blue = _channels(x)
    factors = (f[..., 0] for f in (n.amount, n.second, n.third))
    by_hue, by_saturation, by_value = factors
    most, least = torch.maximum(red, torch.maximum(green, blue)), x.amin(-1).float()
    span = most - least
    per_span = torch.where(span > 0, span, 1.0)
    from_red, from_green = (green - blue) / per_span, (blue - red) / per_span + 2
    from_red = torch.where(from_red >= 0, from_red, from_red + 6)
    from_blue = (red - green) / per_span + 4
    hue = torch.where(most == red, from_red, torch.where(most == green, from_green, from_blue))
    hue = (hue * by_hue).clamp_(max=float(MOST_HUE))
    saturation = (span / torch.where(most > 0, most, 1.0) * by_saturation).clamp_(max=1)
    value = (most * by_value).clamp_(max=255)
    chroma = value * saturation
    planes = [value - chroma * _weight(hue + shift) + _ROUND for shift in (5, 3, 1)]
    return _bytes(torch.stack(planes, -1))


def _weight(k: Tensor) -> Tensor:
    k = torch.where(k < 6, k, k - 6)
    return torch.minimum(k, 4 - k).clamp_(0, 1)


_OPS: dict[Op, Callable[[Tensor, Numbers], Tensor]] = {
    Op.SHEAR_X: _warp,
    Op.SHEAR_Y: _warp,
    Op.TRANSLATE_X: _warp,
    Op.TRANSLATE_Y: _warp,
    Op.ROTATE: _warp,
    Op.AUTO_CONTRAST: _auto_contrast,
    Op.INVERT: lambda x, n: 255 - x,
    Op.EQUALIZE: _equalize,
    Op.SOLARIZE: _solarize,
    Op.POSTERIZE: _posterize,
    Op.CONTRAST: _contrast,
    Op.COLOR: _color,
    Op.BRIGHTNESS: lambda x, n: _scale(x, n.amount, _CUT),
    Op.SHARPNESS: _sharpen,
    Op.FADE: _fade,
    Op.JITTER_BRIGHTNESS: lambda x, n: _scale(x, n.amount, _ROUND),
    Op.JITTER_CONTRAST: _jitter_contrast,
    Op.JITTER_SATURATION: _saturate,
    Op.JITTER_HSV: _scale_hsv,
}
