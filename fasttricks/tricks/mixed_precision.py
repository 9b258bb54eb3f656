"""Mixed precision: the net computes in 16 bits, its weights and the loss stay in 32."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from fasttricks.precision import PRECISIONS, Precision


@dataclass(frozen=True)
class MixedPrecision:
    """What a training step does about its precision.

    Parameters stay float32: they are the master copy, in which an update of 1e-5 on a weight of 1
    survives; float16 would lose it. Autocast picks 16 bits for convolutions and products, float32
    for norms' statistics; our losses compute in float32.

    Raises:
        ValueError: no such precision.
    """

    precision: Precision = "float32"
    """`float16` needs its gradients scaled, and is what V100 and older compute fast. `bfloat16` has
    float32's range and needs nothing."""
    device: str = "cuda"
    """Type of the device, "cuda" or "cpu"."""

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise ValueError(f"precision must be one of {known}; got {self.precision!r}")

    @property
    def dtype(self) -> torch.dtype:
        """What the net computes in; pictures may come in it too."""
        dtype: torch.dtype = getattr(torch, self.precision)
        return dtype

    def autocast(self) -> torch.autocast:
        """A fresh context for a forward pass and its loss; does nothing for float32."""
        enabled = self.precision != "float32"
        return torch.autocast(self.device, self.dtype if enabled else None, enabled=enabled)

    def scaler(self) -> torch.amp.GradScaler:
        """Dynamic loss scaling with torch's defaults, on for float16 only.

        It starts at 2^16; an infinite or undefined gradient skips the step and halves it, 2000
        clean steps double it. (P1's script had none, P2's a fixed 128.)
        """
        return torch.amp.GradScaler(self.device, enabled=self.precision == "float16")
