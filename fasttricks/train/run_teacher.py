"""What `fasttricks teacher` does: one pass of a trained model over the training pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from fasttricks.data.open import open_data
from fasttricks.data.progress import progress_bar
from fasttricks.train.build import layout
from fasttricks.train.checkpoint import file_of
from fasttricks.train.classes import check_same, label_map
from fasttricks.train.distributed import join
from fasttricks.train.run_eval import loader_of
from fasttricks.train.weights import load_trained, outputs_of
from fasttricks.tricks.distillation import OnlineTeacher
from fasttricks.tricks.mixed_precision import MixedPrecision
from fasttricks.tricks.teacher_logits import record_logits

if TYPE_CHECKING:
    from fasttricks.commands.teacher import Teacher


def run(options: Teacher) -> int:
    """Compute, write and say what was written.

    Raises:
        ValueError: under torchrun with several processes.
    """
    path = file_of(options.checkpoint, best=options.best)
    trained = load_trained(path, options.model, average=options.average)
    samples = open_data(options.data, train=True)
    with join(options.device) as world:
        if world.size > 1:
            raise ValueError("fasttricks teacher runs in one process; start it without torchrun")
        model = layout(trained.model, world.device)
        precision = MixedPrecision(options.dtype, world.device.type)
        teacher = OnlineTeacher(model)
        loader = loader_of(trained, samples, options, world)  # every picture once, un-augmented
        with loader, progress_bar("asking the teacher", len(samples), world.first) as advance:
            check_same(trained.classes, loader.dataset.classes, path.name)
            label_map([], loader.dataset, outputs_of(trained))

            def answer(images: torch.Tensor) -> torch.Tensor:
                advance(len(images))
                with precision.autocast():
                    return teacher(images)

            record_logits(options.out, answer, loader, model=trained.name, dtype=options.store)
    print(f"{options.out}: logits of {trained.name} for {len(samples):,} pictures")
    return 0
