"""By which mean and standard deviation pictures are normalised, for pixels of 0 to 255, R G B."""

from __future__ import annotations

from typing import Literal

Normalize = Literal["bag-of-tricks", "torch", "half", "mean-only"]
Colour = tuple[float, float, float]
Pixels = tuple[Colour, Colour]
"""Mean and standard deviation."""

CONSTANTS: dict[str, Pixels] = {
    "bag-of-tricks": ((123.68, 116.779, 103.939), (58.393, 57.12, 57.375)),
    "torch": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "half": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "mean-only": ((123.68, 116.78, 103.94), (1.0, 1.0, 1.0)),
}
"""Mean and standard deviation by name.

`bag-of-tricks`: as that paper prints them (section 2.1). `torch`: torchvision's and timm's ResNets,
FFCV. `half`: to [-1, 1], as Inception-V3 of torchvision, of timm and of TensorFlow. `mean-only`: P2
("Assembled CNN", preprocessing/imagenet_preprocessing.py), which divides by nothing.
"""
