"""The fields of our `.beton` files that FFCV does not know. Imports FFCV."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from ffcv.fields.base import Field

from fasttricks.pipelines.beton_file import (
    OUR_FIELD,
    STORED_SOURCE,
    Beton,
    label_type,
    parse_arguments,
)


class OurField(Field):
    """Says how large a sample's metadata is. `beton.pack` writes it and the pipeline reads it, so
    the rest of what FFCV asks of a field is never called."""

    def __init__(self, metadata_type: np.dtype[Any]) -> None:
        self._type = metadata_type

    @property
    def metadata_type(self) -> np.dtype[Any]:
        return self._type

    @staticmethod
    def from_binary(binary: npt.NDArray[np.uint8]) -> OurField:
        """The field that a file describes in its 1024 bytes of arguments."""
        content = parse_arguments(binary)
        if "fasttricks" in content:
            return OurField(STORED_SOURCE)
        return OurField(label_type(np.dtype(content["dtype"]), tuple(content["shape"]))[1])

    def to_binary(self) -> Any:
        raise NotImplementedError

    def encode(self, *_: Any) -> None:
        raise NotImplementedError

    def get_decoder_class(self) -> Any:
        return None


def our_fields(samples: Beton) -> dict[str, type[Field]]:
    """Which fields of a file are ours, by name, as FFCV's reader wants to be told."""
    type_id, _ = label_type(samples.targets.dtype, samples.targets.shape[1:])
    names = {"image": samples.mode == "source", "label": type_id == OUR_FIELD}
    return {name: OurField for name, ours in names.items() if ours}
