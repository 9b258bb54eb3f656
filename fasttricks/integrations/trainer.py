"""A loader with the attributes of torch's DataLoader that trainers reach for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from fasttricks.data.samples import Samples
from fasttricks.pipelines.loader import Loader, Step


class TrainerLoader:
    """For trainers that choose the epoch by `loader.sampler.set_epoch`: Lightning, timm.

        TrainerLoader(make_loader("roi", "imagenet", batch_size=256))

    Such trainers make the iterator first and choose the epoch, or load a state, after that; here
    that still counts, because nothing begins before the first batch is asked for.

    Attributes:
        loader: what `make_loader` gave.

    Raises:
        ValueError: it is anything else.
    """

    batch_sampler = None

    def __init__(self, loader: Loader) -> None:
        if not isinstance(loader, Loader):
            given = f"{type(loader).__module__}.{type(loader).__qualname__}"
            raise ValueError(
                f"{type(self).__name__}: give what fasttricks.make_loader gives; got a {given}"
            )
        self.loader = loader

    @property
    def sampler(self) -> Self:
        """Has `set_epoch`, which is all that trainers use of it."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """See `Loader.set_epoch`."""
        self.loader.set_epoch(epoch)

    @property
    def dataset(self) -> Samples:
        """The samples; `len(loader.dataset)` counts them."""
        return self.loader.dataset

    @property
    def batch_size(self) -> int:
        """Pictures per step, view and rank."""
        return self.loader.batch_size

    def __len__(self) -> int:
        """Steps in a whole epoch, the same on all ranks."""
        return len(self.loader)

    def __iter__(self) -> Iterator[Step]:
        yield from self.loader

    def state_dict(self) -> dict[str, int]:
        """See `Loader.state_dict`; the two can load each other's."""
        return self.loader.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `Loader.load_state_dict`."""
        self.loader.load_state_dict(state)

    def close(self) -> None:
        """See `Loader.close`."""
        self.loader.close()
