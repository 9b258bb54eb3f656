"""What a step minimises: cross-entropy with the labels, and with what a teacher says."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from fasttricks.data.samples import Samples
from fasttricks.errors import DataError
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.mix.targets import Mixed
from fasttricks.models.inception import InceptionLogits
from fasttricks.train.build import layout
from fasttricks.train.classes import check_same
from fasttricks.train.config import LossConfig
from fasttricks.train.normalize import CONSTANTS, Pixels
from fasttricks.train.prefetch import Batch
from fasttricks.train.weights import load_trained, normalization, outputs_of
from fasttricks.tricks.distillation import Distillation, OnlineTeacher
from fasttricks.tricks.soft_targets import cross_entropy
from fasttricks.tricks.teacher_logits import TeacherLogits

AUX_WEIGHT = 0.4
"""Of an auxiliary head's loss beside the classifier's: TensorFlow's slim for Inception-V3
(train_image_classifier.py), and PyTorch's tutorials with torchvision's."""


class Losses(NamedTuple):
    """What a batch came to, float32 scalars."""

    whole: torch.Tensor
    """What is minimised."""
    labels: torch.Tensor
    """Its cross-entropy with the labels alone; `whole` itself where there is no teacher."""


class Loss:
    """`loss(logits, batch)` is what a batch came to; it waits for no device.

    Where a network has an auxiliary head (`InceptionLogits`), `AUX_WEIGHT` of its loss is added.

    Args:
        config: the recipe's.
        samples: what is trained on; stored logits must be of the same.
        augment: what normalises the batches; a teacher that runs gets its own normalisation.
        num_classes: of the student.
        device: where batches are.

    Raises:
        DataError: stored logits are of other data, or the teacher knows other classes.
    """

    def __init__(
        self,
        config: LossConfig,
        samples: Samples,
        augment: Augment,
        num_classes: int,
        device: torch.device,
    ) -> None:
        self._config = config
        self._online: OnlineTeacher | None = None
        self._stored: TeacherLogits | None = None
        self._distil = Distillation(
            how=config.distill, temperature=config.temperature, weight=config.distill_weight
        )
        if config.teacher.endswith(".npy"):
            self._stored = TeacherLogits.open(config.teacher, samples).to(device)
            known = self._stored.table.shape[1]
        elif config.teacher:
            self._online, known, classes = _load_teacher(config.teacher, augment, device)
            check_same(classes, samples.classes, f"the teacher {config.teacher}")
        if config.teacher and known != num_classes:
            raise DataError(f"{config.teacher} knows {known} classes, the student {num_classes}")

    @property
    def needs_indices(self) -> bool:
        """Whether batches must say which samples they are made of."""
        return self._stored is not None

    @property
    def distils(self) -> bool:
        """Whether there is a teacher."""
        return bool(self._config.teacher)

    def __call__(self, logits: torch.Tensor | InceptionLogits, batch: Batch) -> Losses:
        teacher = self._teacher(batch)
        if isinstance(logits, InceptionLogits):
            main, aux = (self._losses(part, batch, teacher) for part in logits)
            return Losses(*(own + AUX_WEIGHT * more for own, more in zip(main, aux, strict=True)))
        return self._losses(logits, batch, teacher)

    def _teacher(self, batch: Batch) -> torch.Tensor | None:
        """What the teacher says of a batch, softened, [B, K]; None if there is none."""
        if self._online is not None:
            return self._distil.soften(self._online(batch.images))
        if self._stored is None:
            return None
        which = batch.targets if isinstance(batch.targets, Mixed) else batch.indices
        if which is None:
            raise ValueError("the loss needs the sample indices of the batch")
        return self._stored.probabilities(which, self._config.temperature)

    def _losses(self, logits: torch.Tensor, batch: Batch, teacher: torch.Tensor | None) -> Losses:
        c = self._config
        labels = cross_entropy(logits, batch.targets, c.smoothing, c.smoothing_form)
        if teacher is None:
            return Losses(labels, labels)
        return Losses(self._distil.with_soft(labels, logits, teacher), labels)


def _load_teacher(
    path: str, augment: Augment, device: torch.device
) -> tuple[OnlineTeacher, int, list[str]]:
    """A checkpoint of ours as a teacher of pictures that `augment` has normalised, how many classes
    it tells apart, and their names."""
    trained = load_trained(path)
    model, own = trained.model, CONSTANTS[normalization(trained)]
    if own != (augment.mean, augment.std):
        model = nn.Sequential(Renormalise((augment.mean, augment.std), own), model)
    return OnlineTeacher(layout(model, device)), outputs_of(trained), trained.classes


class Renormalise(nn.Module):
    """Pictures [B, 3, H, W] with another mean and standard deviation; float32, or what is wider.

    Args:
        given, wanted: (mean, std) of pixels, each per channel.
    """

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(self, given: Pixels, wanted: Pixels) -> None:
        super().__init__()
        (mean, std), (own_mean, own_std) = torch.tensor((given, wanted), dtype=torch.float64)
        self.register_buffer("scale", (std / own_std).float()[:, None, None])
        self.register_buffer("shift", ((mean - own_mean) / own_std).float()[:, None, None])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images * self.scale + self.shift
