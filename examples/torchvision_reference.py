"""The loop of torchvision's references/classification/train.py with the loaders replaced.

python examples/torchvision_reference.py imagenet --model resnet50
"""

from __future__ import annotations

from typing import Any

import torch
import torchvision
import tyro
from torch import nn
from tyro.conf import Positional

from fasttricks import CutMix, make_loader
from fasttricks.pipelines.loader import Loader

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def train_one_epoch(
    model: nn.Module, criterion: nn.Module, optimizer: torch.optim.Optimizer, data_loader: Loader
) -> None:
    """As the reference's, whose collate function mixes; here the loader has done it."""
    model.train()
    num_classes = len(data_loader.dataset.classes)
    for image, target in data_loader:
        loss = criterion(model(image), target.soft(num_classes))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.inference_mode()
def evaluate(model: nn.Module, data_loader: Loader) -> tuple[int, int]:
    """How many pictures were classified correctly, and how many there are."""
    model.eval()
    correct = seen = 0
    for image, target in data_loader:
        correct += int((model(image).argmax(1) == target).sum())
        seen += len(image)
    return correct, seen


def main(
    data_path: Positional[str],
    pipeline: str = "roi",
    model: str = "resnet50",
    epochs: int = 90,
    batch_size: int = 32,
    size: int = 224,
    lr: float = 0.1,
    label_smoothing: float = 0.1,
) -> list[tuple[int, int]]:
    """Train on a folder with train/ and val/; gives (correct, seen) of each evaluation."""
    settings: dict[str, Any] = {"batch_size": batch_size, "size": size, "device": DEVICE}
    mix: dict[str, Any] = {"mix": CutMix(1.0), "mix_group": min(32, batch_size)}
    data_loader = make_loader(pipeline, data_path, **mix, **settings)
    data_loader_test = make_loader(pipeline, data_path, train=False, **settings)
    network = torchvision.models.get_model(model, num_classes=len(data_loader.dataset.classes))
    network = network.to(DEVICE, memory_format=torch.channels_last)
    criterion = nn.CrossEntropyLoss(label_smoothing=label_smoothing)
    optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
    lr_scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=30, gamma=0.1)
    history = []
    for epoch in range(epochs):
        data_loader.set_epoch(epoch)
        train_one_epoch(network, criterion, optimizer, data_loader)
        lr_scheduler.step()
        history.append(evaluate(network, data_loader_test))
        print(f"epoch {epoch}: {history[-1][0]} of {history[-1][1]} correct")
    data_loader.close()
    data_loader_test.close()
    return history


if __name__ == "__main__":
    tyro.cli(main)
