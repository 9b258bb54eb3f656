"""A field of FFCV's whose metadata is ours. Imports FFCV."""

from __future__ import annotations

from typing import Any

import numpy as np
from ffcv.fields.base import Field


class OurField(Field):
    """Says what a sample's metadata is. Our tables hold it and our operations read it, so the rest
    of what FFCV asks of a field is never called."""

    def __init__(self, metadata_type: np.dtype[Any]) -> None:
        self._type = metadata_type

    @property
    def metadata_type(self) -> np.dtype[Any]:
        return self._type

    @staticmethod
    def from_binary(_: Any) -> Any:
        raise NotImplementedError

    def to_binary(self) -> Any:
        raise NotImplementedError

    def encode(self, *_: Any) -> None:
        raise NotImplementedError

    def get_decoder_class(self) -> Any:
        return None
