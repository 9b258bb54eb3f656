"""Progressive resizing: small pictures first, large ones at the end."""

from __future__ import annotations

from dataclasses import dataclass

MULTIPLE = 32
"""Sizes are multiples of it: the stride of the deepest feature map (Big-Little needs that)."""


@dataclass(frozen=True)
class ProgressiveSize:
    """The side of training pictures in an epoch: `make_loader(..., size=ProgressiveSize(88))`.

    What is evaluated at is another matter (`fixres`), and stays the same throughout, or accuracies
    of different epochs could not be compared.

    Raises:
        ValueError: sizes that do not rise in multiples of 32, or starts that fall or are not from
            0 to 1.
    """

    epochs: int
    """Of the whole training."""
    sizes: tuple[int, ...] = (160, 192, 224)
    """Pixels, rising."""
    starts: tuple[float, ...] = ()
    """The share of the epochs after which each size begins, the first 0. Default: equal parts."""

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs must be at least 1; got {self.epochs}")
        wrong = [size for size in self.sizes if size < MULTIPLE or size % MULTIPLE]
        if wrong or not self.sizes or list(self.sizes) != sorted(set(self.sizes)):
            raise ValueError(f"sizes must rise and be multiples of {MULTIPLE}; got {self.sizes}")
        starts = self.starts or tuple(i / len(self.sizes) for i in range(len(self.sizes)))
        object.__setattr__(self, "starts", starts)
        rising = list(starts) == sorted(starts) and starts[0] == 0 and starts[-1] <= 1
        if len(starts) != len(self.sizes) or not rising:
            raise ValueError(
                f"starts must go from 0 up to at most 1, one per size of {self.sizes}; got {starts}"
            )

    def __call__(self, epoch: int) -> int:
        """The size of an epoch, counted from 0; past the end the last one.

        Raises:
            ValueError: an epoch below 0.
        """
        if epoch < 0:
            raise ValueError(f"epochs count from 0; got {epoch}")
        return max(
            size for size, first in zip(self.sizes, self._firsts, strict=True) if first <= epoch
        )

    @property
    def _firsts(self) -> tuple[int, ...]:
        """The first epoch of each size; the same where training is shorter than that."""
        return tuple(round(start * self.epochs) for start in self.starts)
