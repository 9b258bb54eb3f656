"""Plain PyTorch on several GPUs or, with gloo, on several processes of a CPU.

torchrun --standalone --nproc-per-node=8 examples/ddp.py imagenet --epochs 90
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torchvision
import tyro
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from tyro.conf import Positional

from fasttricks import make_loader
from fasttricks.pipelines.loader import Loader


@torch.inference_mode()
def evaluate(model: nn.Module, loader: Loader, device: torch.device) -> tuple[int, int]:
    """How many pictures were classified correctly, and how many there are, over all ranks."""
    model.eval()
    counts = torch.zeros(2, dtype=torch.int64, device=device)
    for images, targets in loader:  # the last batch of a rank may be shorter, or empty
        counts[0] += (model(images).argmax(1) == targets).sum()
        counts[1] += len(images)
    dist.all_reduce(counts)
    correct, seen = counts.tolist()
    return correct, seen


def main(
    data: Positional[str],
    pipeline: str = "roi",
    epochs: int = 90,
    batch_size: int = 256,
    size: int = 224,
    lr: float = 0.1,
    checkpoint: Path = Path("ddp.pt"),
    save_every: int = 1000,
) -> None:
    """Train on a folder with train/ and val/; goes on from the checkpoint if there is one."""
    cuda = torch.cuda.is_available()
    dist.init_process_group("nccl" if cuda else "gloo")
    device = torch.device(f"cuda:{os.environ['LOCAL_RANK']}" if cuda else "cpu")
    if cuda:
        torch.cuda.set_device(device)
    # Rank and world size come from torchrun's environment: no DistributedSampler.
    settings: dict[str, Any] = {"batch_size": batch_size, "size": size, "device": device}
    train = make_loader(pipeline, data, **settings)
    val = make_loader(pipeline, data, train=False, **settings)
    network = torchvision.models.resnet18(num_classes=len(train.dataset.classes))
    network = network.to(device, memory_format=torch.channels_last)
    model = DistributedDataParallel(network, device_ids=[device] if cuda else None)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)

    def save() -> None:
        """The state of the loader is the same on all ranks, so one file is enough."""
        if dist.get_rank() == 0:
            state = {"model": network.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**state, "loader": train.state_dict()}, checkpoint)

    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device)
        network.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        train.load_state_dict(state["loader"])
    dist.barrier()  # nobody writes before all have read
    for epoch in range(train.state_dict()["epoch"], epochs):
        train.set_epoch(epoch)  # keeps the position that was loaded for this epoch
        model.train()
        for step, (images, targets) in enumerate(train, 1):
            loss = cross_entropy(model(images), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % save_every == 0:
                save()
        save()
        correct, seen = evaluate(network, val, device)
        if dist.get_rank() == 0:
            print(f"epoch {epoch}: {correct} of {seen} correct", flush=True)
    train.close()
    val.close()
    dist.destroy_process_group()


if __name__ == "__main__":
    tyro.cli(main)
