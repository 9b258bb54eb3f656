"""Which JPEG decoder the roi pipeline has here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fasttricks.pipelines.decode.picture import Bytes, Work


class Thread(Protocol):
    """A decoding thread's own decoder and memory."""

    def make(self, work: Work) -> None:
        """Make the rows that the decoder does not complain about, and mark them as done."""


@dataclass(frozen=True)
class Decoder:
    """A way to decode JPEG; all ways give the same pixels."""

    name: str
    """What to call it: "libturbojpeg", or "simplejpeg" and its version."""
    thread: Callable[[], Thread]
    decode: Callable[[bytes | Bytes, int, int], Bytes]
    """(one JPEG, its height and width) to uint8 [height, width, 3]; DataError if it is damaged."""


def find() -> Decoder:
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
        return Decoder(simple.NAME, simple.Thread, simple.decode)
    return Decoder(found.NAME, found.Thread, found.decode)
