"""What a step minimises: cross-entropy with the labels, and with what a teacher says."""

from __future__ import annotations

import torch

from fasttricks.data.samples import Samples
from fasttricks.errors import DataError
from fasttricks.kernels.mixed import Mixed
from fasttricks.train.config import LossConfig
from fasttricks.train.data import Batch
from fasttricks.tricks.distillation import Distillation, OnlineTeacher
from fasttricks.tricks.soft_targets import cross_entropy
from fasttricks.tricks.teacher_logits import TeacherLogits


class Objective:
    """`objective(logits, batch)` is the loss, a float32 scalar; it waits for no device.

    Args:
        config: the recipe's.
        samples: what is trained on; stored logits must be of the same.
        num_classes: of the student.
        device: where batches are.

    Raises:
        DataError: stored logits are of other data or have another number of classes.
        ValueError: the teacher has another number of classes.
    """

    def __init__(
        self, config: LossConfig, samples: Samples, num_classes: int, device: torch.device
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
            self._online, known = _load_teacher(config.teacher, device)
        if config.teacher and known != num_classes:
            raise DataError(f"{config.teacher} knows {known} classes, the student {num_classes}")

    @property
    def needs_indices(self) -> bool:
        """Whether batches must say which samples they are made of."""
        return self._stored is not None

    def __call__(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        c = self._config
        if self._online is not None:
            teacher = self._distil.soften(self._online(batch.images))
        elif self._stored is not None:
            which = batch.targets if isinstance(batch.targets, Mixed) else batch.indices
            if which is None:
                raise ValueError("the loss needs the sample indices of the batch")
            teacher = self._stored.probabilities(which, c.temperature)
        else:
            return cross_entropy(logits, batch.targets, c.smoothing, c.smoothing_form)
        return self._distil(logits, batch.targets, teacher, c.smoothing, c.smoothing_form)


def _load_teacher(path: str, device: torch.device) -> tuple[OnlineTeacher, int]:
    """A checkpoint of ours as a teacher, and how many classes it tells apart."""
    from fasttricks.train.weights import load_trained

    model = load_trained(path).model
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    last = [parameter for parameter in model.parameters() if parameter.ndim == 2][-1]
    return OnlineTeacher(model), len(last)
