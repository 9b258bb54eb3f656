"""Where encoded pictures are, for compiled code that reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

UNTOLD, MEMORY, FILE, SLICE = range(4)
"""Where a picture's bytes are: only `Samples.read_stamped` knows; in `Places.block`; in a file of
its own, whose path is in `Places.block`; in a part of an open file."""

PLACE = np.dtype(
    [
        ("kind", "<i8"),
        ("at", "<i8"),
        ("size", "<i8"),
        ("descriptor", "<i8"),
        ("mtime_ns", "<i8"),
        ("header", "<i8"),
        ("header_crc", "<i8"),
    ]
)
"""`size` bytes from `at` on, of what `kind` tells. Of a slice also the file's descriptor and the
time that belongs to the picture's `Stamp`. Where a member's header comes first, of `header` bytes,
`at` is where that begins; its CRC-32 has to be `header_crc`."""


class Places(NamedTuple):
    """Where some samples are, for compiled code that reads them as `read_stamped` does."""

    table: npt.NDArray[np.void]
    """PLACE [n]"""
    block: npt.NDArray[np.uint8]
    """Pictures in memory, or paths; read-only."""
    held: Sequence[object] = ()
    """What keeps descriptors open."""


NO_BYTES = np.frombuffer(b"", np.uint8)
