"""Hugging Face Accelerate with the loaders replaced.

accelerate launch examples/accelerate_loop.py imagenet --epochs 90
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torchvision
import tyro
from accelerate import Accelerator
from torch import nn
from torch.nn.functional import cross_entropy
from tyro.conf import Positional

from fasttricks import make_loader
from fasttricks.pipelines.loader import Loader


@torch.inference_mode()
def evaluate(accelerator: Accelerator, model: nn.Module, loader: Loader) -> tuple[int, int]:
    """How many pictures were classified correctly, and how many there are, over all processes.

    Sums, not `gather_for_metrics`: no picture is shown twice, so none has to be cut off, but the
    last batch is shorter on some processes than on others.
    """
    model.eval()
    counts = torch.zeros(2, device=accelerator.device)
    for images, targets in loader:
        correct = (model(images).argmax(1) == targets).sum()
        counts += torch.stack([correct, torch.tensor(len(images), device=counts.device)])
    correct, seen = accelerator.reduce(counts, "sum").tolist()
    return int(correct), int(seen)


def main(
    data: Positional[str],
    pipeline: str = "roi",
    epochs: int = 90,
    batch_size: int = 256,
    size: int = 224,
    lr: float = 0.1,
    checkpoint: Path | None = None,
) -> tuple[int, int]:
    """Train on a folder with train/ and val/; goes on from the checkpoint folder if there is one.

    Gives (correct, seen) of the last evaluation.
    """
    accelerator = Accelerator()
    settings: dict[str, Any] = {
        "batch_size": batch_size,
        "size": size,
        "device": accelerator.device,
        "rank": accelerator.process_index,
        "world_size": accelerator.num_processes,
    }
    train = make_loader(pipeline, data, **settings)
    val = make_loader(pipeline, data, train=False, **settings)
    model = torchvision.models.resnet18(num_classes=len(train.dataset.classes))
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(train))
    # The scheduler stays as it is: a prepared one would step once per process, for loaders that
    # are cut up after their steps were counted. These loaders count the steps of one process.
    model, optimizer = accelerator.prepare(model, optimizer)
    accelerator.register_for_checkpointing(train, scheduler)
    if checkpoint and checkpoint.exists():
        accelerator.load_state(str(checkpoint))
    result = 0, 0
    for epoch in range(train.state_dict()["epoch"], epochs):
        train.set_epoch(epoch)
        model.train()
        for images, targets in train:
            loss = cross_entropy(model(images), targets)
            optimizer.zero_grad()
            accelerator.backward(loss)
            optimizer.step()
            scheduler.step()
        result = evaluate(accelerator, model, val)
        accelerator.print(f"epoch {epoch}: {result[0]} of {result[1]} correct")
        if checkpoint:
            accelerator.save_state(str(checkpoint))
    train.close()
    val.close()
    accelerator.end_training()
    return result


if __name__ == "__main__":
    tyro.cli(main)
