"""Loaders of the ffcv pipeline, and how far their pictures are from the definition."""

import hashlib
import threading

import numpy as np

from fasttricks import make_loader
from tests.pipelines.agreement import expected_picture

SIZE = 57  # odd, and no multiple of any vector width


def open_loader(path, **options):
    options = {"batch_size": 8, "size": SIZE, "seed": 11, "work": "decode", **options}
    return make_loader("ffcv", path, **options)


def errors_of(loader, epoch=0):
    """Distances from the reference, [N, size, size, 3], of a whole epoch."""
    loader.set_epoch(epoch)
    errors = []
    for step, (images, targets) in enumerate(loader):
        count = len(images) // loader.options.views
        for row, index in enumerate(np.tile(loader.indices(epoch, step), loader.options.views)):
            assert targets[row] == loader.dataset.targets[index]
            want = expected_picture(loader, loader.dataset, epoch, int(index), row // count)
            errors.append(images[row].permute(1, 2, 0).numpy() - want)
    return np.stack(errors)


def digest(path, threads):
    """Of an epoch's pictures, in order, made by so many threads."""
    images = hashlib.sha256()
    with open_loader(path, num_threads=threads, work="full", drop_last=False) as loader:
        for batch, _ in loader:
            images.update(batch.numpy().tobytes())
    return images.hexdigest()


def epoch_threads():
    return [t for t in threading.enumerate() if type(t).__name__ == "EpochThread"]
