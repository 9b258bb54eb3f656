"""mCE: the error on corrupted pictures, relative to AlexNet's (arXiv 1903.12261)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

ALEXNET = {
    "gaussian_noise": 0.886428,
    "shot_noise": 0.894468,
    "impulse_noise": 0.922640,
    "defocus_blur": 0.819880,
    "glass_blur": 0.826268,
    "motion_blur": 0.785948,
    "zoom_blur": 0.798360,
    "snow": 0.866816,
    "frost": 0.826572,
    "fog": 0.819324,
    "brightness": 0.564592,
    "contrast": 0.853204,
    "elastic_transform": 0.646056,
    "pixelate": 0.717840,
    "jpeg_compression": 0.606500,
    "speckle_noise": 0.8454,
    "gaussian_blur": 0.7871,
    "spatter": 0.7175,
    "saturate": 0.6583,
}
"""AlexNet's top-1 error per corruption, mean over five severities: the 15 of the benchmark, then
its four extra ones (google-research/augmix, clovaai/assembled-cnn)."""


def mce(errors: Mapping[str, float], corruptions: Literal[15, 19] = 15) -> float:
    """Mean corruption error in per cent; 100 is AlexNet.

    Args:
        errors: top-1 error in [0, 1] per corruption, mean over severities 1 to 5.
        corruptions: 15, the benchmark, or 19 with its extra ones, over which the code of "Assembled
            CNN" (arXiv 2001.06268) takes the mean; they are not comparable.

    Raises:
        ValueError: a corruption is missing or an error lies outside [0, 1].
    """
    if corruptions not in (15, 19):
        raise ValueError(f"corruptions must be 15 or 19; got {corruptions}")
    names = list(ALEXNET)[:corruptions]
    if missing := [name for name in names if name not in errors]:
        raise ValueError(f"no error is given for {', '.join(missing)}")
    if wrong := [name for name in names if not 0 <= errors[name] <= 1]:
        raise ValueError(f"errors lie in [0, 1]; {wrong[0]} has {errors[wrong[0]]}")
    return 100 * sum(errors[name] / ALEXNET[name] for name in names) / corruptions
