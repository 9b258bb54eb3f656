"""Writes the file that FFCV's ImageNet recipe reads, with FFCV's own writer. Run as a module.

Source: libffcv/ffcv-imagenet, `write_imagenet.sh 500 0.50 90`, as for its ResNet-50: longer side at
most 500 px; of the pictures a random half is re-encoded as JPEG, the others are left uncompressed.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import numpy as np
from ffcv.fields import IntField, RGBImageField
from ffcv.writer import DatasetWriter
from torchvision.datasets import ImageFolder

from fasttricks.bench.packs import MAX_SIDE, QUALITY

COMPRESSED = 0.5
"""Share of the pictures that are JPEGs."""


class Pictures:
    """`ImageFolder`, but a picture that cannot be read ends the whole writing.

    FFCV's writer waits for ever for a worker that died. The reason is the last line on stdout.
    """

    def __init__(self, root: str) -> None:
        self.folder = ImageFolder(root)

    def __len__(self) -> int:
        return len(self.folder)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        try:
            return self.folder[index]
        except Exception as error:
            print(f"{self.folder.samples[index][0]}: {error}", flush=True)
            os.killpg(0, signal.SIGTERM)
            raise


def write(root: str, destination: str, workers: int) -> None:
    """Write the pictures below `root` to the file `destination`."""
    np.random.seed(0)  # by which FFCV draws the half
    field = RGBImageField(
        write_mode="proportion",
        compress_probability=COMPRESSED,
        max_resolution=MAX_SIDE,
        jpeg_quality=QUALITY,
    )
    fields = {"image": field, "label": IntField()}
    DatasetWriter(destination, fields, num_workers=workers).from_indexed_dataset(Pictures(root))


if __name__ == "__main__":
    write(sys.argv[1], sys.argv[2], int(sys.argv[3]))
