"""TorchData: a loader where a StatefulDataLoader was, or as the source of a graph of nodes.

python examples/torchdata_stateful.py imagenet --steps 100 --state state.pt
python examples/torchdata_stateful.py imagenet --steps 100 --state state.pt --nodes
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch
import tyro
from torchdata.nodes import IterableWrapper, Prefetcher
from torchdata.nodes import Loader as NodeLoader
from tyro.conf import Positional

from fasttricks import make_loader
from fasttricks.pipelines.loader import Loader


class Source(Protocol):
    """What a StatefulDataLoader is to a training loop."""

    def __iter__(self) -> Any: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


def as_nodes(loader: Loader, ahead: int = 2) -> Source:
    """The loader as a node, with batches fetched ahead; the state is that of the batch handed out.

    For steps of your own on whole batches, put a Mapper between the two.
    """
    source: Source = NodeLoader(Prefetcher(IterableWrapper(loader), prefetch_factor=ahead))
    return source


def take(source: Source, steps: int) -> list[torch.Tensor]:
    """The targets of so many steps, epoch after epoch, from where the source stands."""
    taken: list[torch.Tensor] = []
    while len(taken) < steps:
        for _images, targets in source:
            taken.append(targets)
            if len(taken) == steps:
                break
    return taken


def main(
    data: Positional[str],
    steps: int,
    state: Path,
    pipeline: str = "roi",
    batch_size: int = 64,
    size: int = 224,
    nodes: bool = False,
) -> list[torch.Tensor]:
    """Take some steps from where the last run ended; gives their targets."""
    # Not closed here: nodes may still be fetching ahead in their own thread.
    loader = make_loader(pipeline, data, batch_size=batch_size, size=size)
    source = as_nodes(loader) if nodes else loader
    if state.exists():
        source.load_state_dict(torch.load(state))
    taken = take(source, steps)
    torch.save(source.state_dict(), state)
    print(f"{steps} steps, {sum(map(len, taken))} pictures; {state} says where to go on")
    return taken


if __name__ == "__main__":
    tyro.cli(main)
