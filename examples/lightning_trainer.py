"""PyTorch Lightning: a data module on fasttricks, and resuming in mid-epoch.

python examples/lightning_trainer.py imagenet --epochs 90
python examples/lightning_trainer.py imagenet --epochs 90 --resume lightning_logs/last.ckpt
"""

from __future__ import annotations

import lightning
import torch
import torchvision
import tyro
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.nn.functional import cross_entropy
from tyro.conf import Positional

from fasttricks import Samples, make_loader
from fasttricks.integrations.trainer import TrainerLoader
from fasttricks.pipelines.loader import Loader


class Pictures(lightning.LightningDataModule):
    """Loaders for the rank that asks. Lightning keeps the training loader's state by itself."""

    def __init__(
        self, data: str | Samples, pipeline: str = "roi", batch_size: int = 256, size: int = 224
    ) -> None:
        super().__init__()
        self.data, self.pipeline, self.batch_size, self.size = data, pipeline, batch_size, size
        self._loaders: list[Loader] = []

    def train_dataloader(self) -> TrainerLoader:
        return TrainerLoader(self._open(train=True))

    def val_dataloader(self) -> Loader:
        return self._open(train=False)

    def _open(self, train: bool) -> Loader:
        loader = make_loader(
            self.pipeline,
            self.data,
            batch_size=self.batch_size,
            train=train,
            size=self.size,
            device=self.trainer.strategy.root_device,
            rank=self.trainer.global_rank,
            world_size=self.trainer.world_size,
        )
        self._loaders.append(loader)
        return loader

    def teardown(self, stage: str) -> None:
        for loader in self._loaders:
            loader.close()
        self._loaders.clear()


class Classifier(lightning.LightningModule):
    """ResNet-18; nothing here knows of fasttricks."""

    def __init__(self, num_classes: int, lr: float = 0.1) -> None:
        super().__init__()
        self.model = torchvision.models.resnet18(num_classes=num_classes)
        self.lr = lr

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], step: int) -> torch.Tensor:
        images, targets = batch
        return cross_entropy(self.model(images), targets)

    def on_validation_epoch_start(self) -> None:
        self.counts = torch.zeros(2, device=self.device)

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], step: int) -> None:
        """Counts: the last batch of a rank may be shorter than that of others, or empty."""
        images, targets = batch
        self.counts[0] += (self.model(images).argmax(1) == targets).sum()
        self.counts[1] += len(targets)

    def on_validation_epoch_end(self) -> None:
        correct, seen = self.trainer.strategy.reduce(self.counts, reduce_op="sum")
        self.log("val_top1", correct / seen)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.lr, momentum=0.9)


def main(
    data: Positional[str],
    pipeline: str = "roi",
    num_classes: int = 1000,
    epochs: int = 90,
    batch_size: int = 256,
    size: int = 224,
    folder: str = "lightning_logs",
    save_every: int = 1000,
    resume: str | None = None,
    accelerator: str = "auto",
    devices: int = 1,
) -> float:
    """Train on a folder with train/ and val/, saving every so many steps; gives the last top-1."""
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator=accelerator,
        devices=devices,
        callbacks=[ModelCheckpoint(folder, every_n_train_steps=save_every, save_last=True)],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    pictures = Pictures(data, pipeline, batch_size, size)
    trainer.fit(Classifier(num_classes), datamodule=pictures, ckpt_path=resume)
    return float(trainer.callback_metrics["val_top1"])


if __name__ == "__main__":
    tyro.cli(main)
