"""FixRes: evaluate at the size at which objects look as large as they did in training.

Training crops are enlarged to the output size, so a net meets objects larger than a centre crop of
that size shows them (Touvron et al., arXiv 1906.06423, section 3). Evaluating larger pictures costs
no training. P2 (arXiv 2001.06268) trains at 224 and evaluates at 256.
"""

from __future__ import annotations

import math

ASPECT = 4 / 3
"""Long side over short side, as most of ImageNet's pictures have it."""
MULTIPLE = 32


def apparent_size(train_size: int, *, area: tuple[float, float] = (0.08, 1.0)) -> float:
    """How wide a whole square picture would be, in pixels, at the mean scale of training crops.

    A crop of the share s of a picture of side L is enlarged by train_size / (L * sqrt(s)). With s
    uniform in [a, b] the mean of 1 / sqrt(s) is 2 / (sqrt(a) + sqrt(b)): 1.56 for [0.08, 1].
    """
    low, high = area
    if not 0 < low <= high <= 1:
        raise ValueError(f"area must be (low, high) with 0 < low <= high <= 1; got {area}")
    return train_size * 2 / (math.sqrt(low) + math.sqrt(high))


def evaluation_size(
    train_size: int, *, area: tuple[float, float] = (0.08, 1.0), crop_ratio: float = 0.875
) -> int:
    """The side of evaluation pictures that shows objects at the size they had in training.

    Args:
        train_size: side of training pictures; of the last epochs, if that changes.
        area: of training crops, as in `Augment`.
        crop_ratio: centre crop over the resized shorter side, as in `Augment`.

    Returns:
        The nearest multiple of 32; 224 -> 256, 192 -> 224, 160 -> 192, 128 -> 160 by default.

    Raises:
        ValueError: area is out of range.
    """
    shorter = apparent_size(train_size, area=area) / math.sqrt(ASPECT)
    return max(1, round(crop_ratio * shorter / MULTIPLE)) * MULTIPLE
