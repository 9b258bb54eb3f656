"""Colour as one 3 x 4 matrix per sample: hue, saturation, brightness, lighting, normalisation.

All of them are linear on float pixels (0-255), so they fold into y = A x + b (docs/design.md,
section 4). The transform is that of "Bag of Tricks" section 2.1; eigenvectors and eigenvalues are
those of ImageNet's RGB covariance, as in apache/mxnet `python/mxnet/image/image.py`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fasttricks.kernels.jit import kernel

Triple = tuple[float, float, float]
Floats = npt.NDArray[np.float32]

LUMA = np.array([0.299, 0.587, 0.114])
YIQ = np.array([LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
# NTSC's four digits, whose I and Q rows sum to zero (MXNet's three do not): grey stays grey.
# And the true inverse, not a rounded one: coefficient 1 is the identity.
RGB = np.linalg.inv(YIQ)
EIGENVALUES = np.array([55.46, 4.794, 1.148])
EIGENVECTORS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
)
_PCA = EIGENVECTORS * EIGENVALUES

# Turning (I, Q) by angle t is RGB @ diag(1, R(t)) @ YIQ = _KEEP + cos(t) * _COS + sin(t) * _SIN.
_KEEP = np.outer(RGB[:, 0], YIQ[0])
_COS = np.outer(RGB[:, 1], YIQ[1]) + np.outer(RGB[:, 2], YIQ[2])
_SIN = np.outer(RGB[:, 2], YIQ[1]) - np.outer(RGB[:, 1], YIQ[2])


@kernel
def normalise_matrix(mean: Triple, std: Triple, out: Floats) -> None:
    """Write (x - mean) / std as `out` [3, 4] float32: columns R, G, B, offset."""
    for c in range(3):
        out[c, 0] = out[c, 1] = out[c, 2] = 0.0
        out[c, c] = 1.0 / std[c]
        out[c, 3] = -mean[c] / std[c]


@kernel
def color_matrix(
    hue: float,
    saturation: float,
    brightness: float,
    light: Triple,
    mean: Triple,
    std: Triple,
    out: Floats,
) -> None:
    """Write hue, saturation, brightness, lighting, then normalisation as `out` [3, 4] float32.

    Args:
        hue: coefficient c; the hue turns by (c - 1) * pi.
        saturation: share of the colour against its luma.
        brightness: factor.
        light: three PCA coefficients alpha; V (alpha * lambda) is added on the 0-255 scale.
        mean, std: three floats each, 0-255 scale.
    """
    cos, sin = math.cos((hue - 1.0) * math.pi), math.sin((hue - 1.0) * math.pi)
    for c in range(3):
        offset = _PCA[c, 0] * light[0] + _PCA[c, 1] * light[1] + _PCA[c, 2] * light[2]
        scale = 1.0 / std[c]
        for k in range(3):
            turned = _KEEP[c, k] + cos * _COS[c, k] + sin * _SIN[c, k]
            # A hue turn keeps luma, so the grey part of the turned picture is luma of the source.
            mixed = saturation * turned + (1.0 - saturation) * LUMA[k]
            out[c, k] = brightness * mixed * scale
        out[c, 3] = (offset - mean[c]) * scale
