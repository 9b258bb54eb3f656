"""Pictures that tests make themselves."""

import io

import numpy as np
from PIL import Image


def smooth_picture(height, width, seed, channels=3):
    """A uint8 picture with edges and gradients: resizing errors show and JPEG stays small."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (max(2, height // 16), max(2, width // 16), channels))
    image = Image.fromarray(coarse.astype(np.uint8).squeeze()).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    noisy = np.asarray(image).astype(int) + rng.integers(-12, 13, np.asarray(image).shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def encode(pixels, format="JPEG", **options):
    """A picture as the bytes of a file."""
    out = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(out, format, **options)
    return out.getvalue()


def jpeg(height=120, width=160, seed=0, channels=3, **options):
    return encode(smooth_picture(height, width, seed, channels), **{"quality": 90, **options})
