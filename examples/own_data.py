"""Pictures and targets of your own: a table of paths and labels, several labels per picture.

    python examples/own_data.py labels.csv

labels.csv has a header; its first column is a path relative to the table, the others are 0 or 1.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch
import torchvision
import tyro
from torch import nn
from tyro.conf import Positional

from fasttricks import Samples, make_loader

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def read_table(table: Path) -> Samples:
    """What a Dataset's `__init__` does; `__getitem__` is not needed any more.

    Pictures may also be bytes that are in memory, from a database for one, and targets any array
    [N] or [N, K] of numbers.
    """
    with table.open(newline="") as file:
        header, *rows = csv.reader(file)
    paths = [table.parent / row[0] for row in rows]
    targets = np.array([row[1:] for row in rows], np.float32)
    return Samples(paths, targets, classes=header[1:])


def main(
    table: Positional[Path],
    pipeline: str = "roi",
    epochs: int = 10,
    batch_size: int = 64,
    size: int = 224,
    lr: float = 0.01,
) -> list[float]:
    """Train on all rows of the table; gives the mean loss of each epoch."""
    samples = read_table(table)
    model = torchvision.models.resnet18(num_classes=len(samples.classes)).to(DEVICE)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    loss_of = nn.BCEWithLogitsLoss()
    means = []
    with make_loader(pipeline, samples, batch_size=batch_size, size=size, device=DEVICE) as loader:
        for epoch in range(epochs):
            loader.set_epoch(epoch)
            losses = []
            for images, targets in loader:  # targets: float32 [B, K], rows of the table
                loss = loss_of(model(images), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            means.append(float(np.mean(losses)))
            print(f"epoch {epoch}: loss {means[-1]:.3f}")
    return means


if __name__ == "__main__":
    tyro.cli(main)
