"""Pictures of nothing that cost a JPEG decoder what photographs cost it.

A scene is a stack of overlapping regions, each with its own colour, shading and texture. Three
facts about photographs are copied, because together they decide how many DCT coefficients survive
quantisation and how they are spread over the blocks:

* amplitude falls with spatial frequency roughly as 1/f (D. J. Field, JOSA A 4(12), 1987);
* regions occlude each other with edges of every sharpness, the "dead leaves" model
  (A. B. Lee, D. Mumford, J. Huang, IJCV 41, 2001);
* texture is strong in some places and absent in others, also inside one region.

White noise has none of them: all its blocks are alike, and the same number of bytes holds other
coefficients, which take another time to decode. The constants below were fitted to ImageNet
pictures, see `docs/synthetic.md`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
FloatVector = NDArray[np.float32]

TILE = 1024
"""Side of a texture; textures are periodic, so larger pictures repeat them."""

_BANK_KEY = 20_261_122
_REGIONS = 4
_DETAIL_EXPONENTS = (1.0, 1.4, 1.8)
_FORM_EXPONENTS = (1.8, 2.2)
_DETAIL_CUT = 1 / 64  # cycles per pixel: slower changes belong to shading, not to texture
_LEVEL_MEAN, _LEVEL_STD = (125.0, 128.0, 128.0), (45.0, 14.0, 14.0)  # colours: Y, Cb, Cr
_SHADE_MAX, _SHADE_CHROMA_STD = 25.0, 4.0
_TINT_STD, _CHROMA_GAIN = 0.15, 0.12
_REGION_GAIN_SIGMA = 0.5
_STRIP_PIXELS = 24_576  # work in strips whose planes stay in the L2 cache


@functools.cache
def _bank() -> tuple[list[Plane], list[Plane]]:
    """(detail textures, smooth forms), each [TILE, TILE], mean 0, std 1; made once per process.

    Rounded to 1/1024, so that the last bit of a machine's FFT cannot reach a pixel.
    """
    rng = np.random.default_rng(_BANK_KEY)
    frequency = np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None, :])
    frequency[0, 0] = 1.0

    def texture(amplitude: NDArray[np.float64]) -> Plane:
        amplitude[0, 0] = 0.0
        noise = np.fft.rfft2(rng.standard_normal((TILE, TILE)))
        field = np.fft.irfft2(amplitude * noise, s=(TILE, TILE))
        return (np.rint(field * (1024 / field.std())) / 1024).astype(np.float32)

    high_pass = frequency**2 / (frequency**2 + _DETAIL_CUT**2)
    details = [texture(high_pass * frequency**-e) for e in _DETAIL_EXPONENTS]
    return details, [texture(frequency**-e) for e in _FORM_EXPONENTS]


def _cut(textures: list[Plane], rng: np.random.Generator, height: int, width: int) -> Plane:
    """[height, width] of a random texture at a random place: a view, or a copy if it must wrap."""
    texture = textures[rng.integers(len(textures))]
    if height <= TILE and width <= TILE:
        top, left = rng.integers(TILE - height + 1), rng.integers(TILE - width + 1)
        return texture[top : top + height, left : left + width]
    rows = np.arange(height) + rng.integers(TILE)
    columns = np.arange(width) + rng.integers(TILE)
    return texture.take(rows, 0, mode="wrap").take(columns, 1, mode="wrap")


@dataclass(frozen=True)
class _Region:
    """Every choice about one region. Planes are views [height, width] of the bank."""

    outline: Plane
    """The region covers where this exceeds `threshold`: a level set has natural contours."""
    threshold: float
    steepness: float
    """Sharpness of the edge, per unit of `outline`."""
    shade: Plane
    shade_gains: FloatVector
    """[channels]"""
    detail: Plane
    presence: Plane
    """Texture is multiplied by |presence + presence_offset|: it swells, fades and vanishes."""
    presence_offset: float
    detail_gains: FloatVector
    """[channels]: chroma partly follows luma (a lit, tinted surface) ..."""
    grain: Plane
    grain_gains: FloatVector
    """[channels]: ... and partly has a texture of its own."""
    levels: FloatVector
    """[channels]"""


def _choose_region(rng: np.random.Generator, height: int, width: int, busyness: float) -> _Region:
    details, forms = _bank()
    gain = busyness * np.exp(rng.normal(0, _REGION_GAIN_SIGMA))
    shade_gains = (_SHADE_MAX * rng.random(), *rng.normal(0, _SHADE_CHROMA_STD, 2))
    return _Region(
        outline=_cut(forms, rng, height, width),
        threshold=rng.normal(0.4, 0.6),
        steepness=np.exp(rng.uniform(np.log(8), np.log(120))),
        shade=_cut(forms, rng, height, width),
        shade_gains=np.array(shade_gains, np.float32),
        detail=_cut(details, rng, height, width),
        presence=_cut(forms, rng, height, width),
        presence_offset=rng.normal(),
        detail_gains=np.array((gain, *(gain * rng.normal(0, _TINT_STD, 2))), np.float32),
        grain=_cut(details, rng, height, width),
        grain_gains=np.array((0, *(gain * _CHROMA_GAIN * np.array((1, rng.normal())))), np.float32),
        levels=rng.normal(_LEVEL_MEAN, _LEVEL_STD).astype(np.float32),
    )


def _paint(region: _Region, rows: slice, under: list[Plane]) -> None:
    """Lay `region` over the planes `under` [channels][rows, width], in place."""
    f32 = np.float32  # a float64 scalar would turn whole planes into float64
    cover = region.outline[rows] - f32(region.threshold)
    cover *= f32(region.steepness)
    np.clip(cover, 0, 1, out=cover)
    texture = np.abs(region.presence[rows] + f32(region.presence_offset))
    texture *= region.detail[rows]
    for channel, plane in enumerate(under):
        over = texture * region.detail_gains[channel]
        over += region.shade[rows] * region.shade_gains[channel]
        if channel:
            over += region.grain[rows] * region.grain_gains[channel]
        over += region.levels[channel]
        over -= plane
        over *= cover
        plane += over


def draw_scene(
    rng: np.random.Generator, height: int, width: int, channels: int, busyness: float
) -> NDArray[np.uint8]:
    """Draw one scene.

    Args:
        rng: where every choice comes from; the scene is a pure function of its state and the rest.
        height: rows, >= 1.
        width: columns, >= 1.
        channels: 3 for Y, Cb, Cr (full-range JFIF), 1 for Y alone.
        busyness: typical strength of texture in grey levels; photographs: about 5 to 60.

    Returns:
        uint8 `[height, width, channels]` in 0..255, C-contiguous.
    """
    regions = [_choose_region(rng, height, width, busyness) for _ in range(_REGIONS)]
    regions[0] = replace(regions[0], threshold=-np.inf)  # the background covers everything
    pixels = np.empty((height, width, channels), np.uint8)
    strip = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, strip):
        rows = slice(top, min(top + strip, height))
        planes = [np.zeros((rows.stop - top, width), np.float32) for _ in range(channels)]
        for region in regions:
            _paint(region, rows, planes)
        for channel, plane in enumerate(planes):
            np.clip(np.rint(plane, out=plane), 0, 255, out=plane)
            pixels[rows, :, channel] = plane
    return pixels
