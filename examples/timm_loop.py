"""timm's training loop with the loaders replaced.

python examples/timm_loop.py imagenet --model resnet50 --epochs 90
"""

from __future__ import annotations

from typing import Any

import timm
import torch
import tyro
from timm.loss import LabelSmoothingCrossEntropy, SoftTargetCrossEntropy
from timm.scheduler import CosineLRScheduler
from timm.utils import AverageMeter, accuracy
from torch import nn
from tyro.conf import Positional

from fasttricks import Augment, make_loader
from fasttricks.integrations.timm import TimmLoader, timm_mix

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def augment_of(model: nn.Module) -> Augment:
    """Normalisation, resizing and evaluation crop as timm's weights of this model expect them."""
    config = timm.data.resolve_model_data_config(model)
    red, green, blue = (255 * value for value in config["mean"])
    std = tuple(255 * value for value in config["std"])
    return Augment(
        mean=(red, green, blue),
        std=std,
        crop_ratio=config["crop_pct"],
        interpolation=config["interpolation"],
    )


def train_one_epoch(
    epoch: int,
    model: nn.Module,
    loader: TimmLoader,
    optimizer: torch.optim.Optimizer,
    loss_fn: nn.Module,
    mixup_off_epoch: int,
) -> float:
    """Mean loss of an epoch. Inputs arrive on the device, as from timm's prefetcher."""
    if mixup_off_epoch and epoch >= mixup_off_epoch and loader.mixup_enabled:
        loader.mixup_enabled = False
    model.train()
    losses = AverageMeter()
    for input, target in loader:
        loss = loss_fn(model(input), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.update(loss.item(), len(input))
    return float(losses.avg)


@torch.inference_mode()
def validate(model: nn.Module, loader: TimmLoader) -> float:
    """Top-1 accuracy in percent."""
    model.eval()
    top1 = AverageMeter()
    for input, target in loader:
        top1.update(accuracy(model(input), target)[0].item(), len(input))
    return float(top1.avg)


def main(
    data: Positional[str],
    pipeline: str = "roi",
    model: str = "resnet50",
    num_classes: int = 1000,
    epochs: int = 90,
    batch_size: int = 256,
    size: int = 224,
    lr: float = 0.1,
    mixup: float = 0.2,
    cutmix: float = 0.0,
    mixup_off_epoch: int = 0,
    smoothing: float = 0.1,
) -> list[tuple[float, float]]:
    """Train on a folder with train/ and val/; gives (mean loss, top-1 in percent) per epoch."""
    network = timm.create_model(model, num_classes=num_classes).to(DEVICE)
    settings: dict[str, Any] = {
        "batch_size": batch_size,
        "size": size,
        "device": DEVICE,
        "augment": augment_of(network),
    }
    mix = timm_mix(mixup=mixup, cutmix=cutmix)
    train_data = make_loader(pipeline, data, mix=mix, mix_group=min(32, batch_size), **settings)
    soft = smoothing if mix else 0.0  # class indices are smoothed by the loss
    loader_train = TimmLoader(train_data, num_classes=num_classes, smoothing=soft)
    loader_eval = TimmLoader(make_loader(pipeline, data, train=False, **settings))
    optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
    scheduler = CosineLRScheduler(optimizer, t_initial=epochs)
    loss_fn = SoftTargetCrossEntropy() if mix else LabelSmoothingCrossEntropy(smoothing)
    history = []
    for epoch in range(epochs):
        loader_train.sampler.set_epoch(epoch)
        loss = train_one_epoch(epoch, network, loader_train, optimizer, loss_fn, mixup_off_epoch)
        history.append((loss, validate(network, loader_eval)))
        scheduler.step(epoch + 1)
        print(f"epoch {epoch}: loss {loss:.3f}, top-1 {history[-1][1]:.1f} %")
    loader_train.close()
    loader_eval.close()
    return history


if __name__ == "__main__":
    tyro.cli(main)
