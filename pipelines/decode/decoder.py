"""Which JPEG decoder there is here, for the pipelines roi and resident."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fasttricks.pipelines.decode.picture import Bytes, Mixture, Work


class Worker(Protocol):
    """A decoding thread's own decoder and memory."""

    def make(self, work: Work) -> None:
        """Make the rows that the decoder does not complain about, and mark them as done."""

    def make_mixed(self, work: Work, mixture: Mixture) -> bool:
        """Make a mixture out of these rows, whose `slots` are written; False if it cannot."""


@dataclass(frozen=True)
class Decoder:
    """A way to decode JPEG; all ways give the same pixels."""

    name: str
    """What to call it: "libturbojpeg", or "simplejpeg" and its version."""
    worker: Callable[[], Worker]
    """Makes what one decoding thread needs."""
    decode: Callable[[bytes | Bytes, int, int], Bytes]
    """(one JPEG, its height and width) to uint8 [height, width, 3]; DataError if it is damaged."""


def find_decoder() -> Decoder:
    """libturbojpeg, which needs no Python between the steps; where it is missing, simplejpeg.

    Raises:
        ImportError: neither is installed.
    """
    try:
        from fasttricks.pipelines.decode import rows as found
    except ImportError as error:
        try:
            from fasttricks.pipelines.decode import simple
        except ImportError:
            raise error from None
        return Decoder(simple.NAME, simple.Worker, simple.decode)
    return Decoder(found.NAME, found.Worker, found.decode)
