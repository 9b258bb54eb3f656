"""Looking at one picture: everything that can be found out about whether it is sound."""

from __future__ import annotations

import hashlib

from fasttricks.data.formats import format_of, misnamed
from fasttricks.data.pixels import Pixels
from fasttricks.data.probe import Kind, Probe, probe_and_decode
from fasttricks.data.samples import Samples, Stamp
from fasttricks.data.seek.file import SeekIndex
from fasttricks.doctor.decode import Decoded, decode_whole
from fasttricks.doctor.findings import (
    CHECKSUM,
    GEOMETRY,
    INDEX,
    MISNAMED,
    ODD,
    ORIENTATION,
    STALE,
    UNDECODABLE,
    UNREADABLE,
    WARNING,
    Look,
)
from fasttricks.doctor.seek import Worth, check_entry
from fasttricks.doctor.source import announced_sides, checksum_fits, has_checksums, keeps_files
from fasttricks.errors import BadSampleError, DataError

Sides = tuple[int, int]


class Inspector:
    """Looks at the pictures of a data set; threads share it.

    Args:
        samples: the data set.
        index: its seek index; None if there is none.
    """

    def __init__(self, samples: Samples, index: SeekIndex | None) -> None:
        self._samples = samples
        self._index = index
        self._has_checksums = has_checksums(samples)
        self._keeps_files = keeps_files(samples)

    def __call__(self, number: int) -> Look:
        """Everything about one picture. Raises nothing, whatever its bytes are."""
        look = Look(number)
        try:
            data, stamp = self._samples.read_stamped(number)
        except BadSampleError as error:
            look.fault(UNREADABLE, error.cause)
            self._check_index(look, None)
            return look
        look.size = len(data)
        look.digest = hashlib.blake2b(data, digest_size=16).digest()
        if self._has_checksums and not checksum_fits(data, stamp):
            look.fault(CHECKSUM, "its CRC-32 is not the one it was packed with")
        look.probe, pixels = probe_and_decode(data)
        self._describe(look, look.probe, data)
        decoded = self._decode(look, look.probe, data, pixels)
        sides = self._check_index(look, (data, stamp))
        if decoded is not None:
            self._compare_sides(look, look.probe, decoded, sides)
        return look

    def _describe(self, look: Look, probe: Probe, data: bytes) -> None:
        """Traits and notes; a bad file's are not worth having."""
        if probe.kind == Kind.BAD:
            return
        if format_of(data) == "JPEG":
            look.traits.append("progressive" if probe.progressive else "sequential")
            colour = {1: "grey", 4: "CMYK"}.get(probe.components)
            look.traits += [colour] if colour else []
        if probe.kind == Kind.ODD:
            look.note(ODD, probe.reason if self._keeps_files else "raw pixels of a .beton")
        if probe.orientation != 1:
            look.note(ORIENTATION, f"orientation {probe.orientation}")
        if self._keeps_files and (label := misnamed(self._samples.name(look.index), data)):
            look.note(MISNAMED, label)

    def _decode(
        self, look: Look, probe: Probe, data: bytes, pixels: Pixels | None
    ) -> Decoded | None:
        try:
            decoded = decode_whole(data, probe, pixels)
        except DataError as error:
            look.fault(UNDECODABLE, str(error))
            return None
        if decoded.complaint:
            look.note(WARNING, decoded.complaint)
        return decoded

    def _check_index(self, look: Look, found: tuple[bytes, Stamp] | None) -> Sides | None:
        """The sides that the seek index has, if it can be used for this picture."""
        if self._index is None:
            return None
        entry = check_entry(self._index, look.index, found)
        if entry.worth == Worth.WRONG:
            look.fault(INDEX, entry.cause)
        elif entry.worth == Worth.STALE:
            look.note(STALE, "changed since it was indexed")
        return entry.sides

    def _compare_sides(
        self, look: Look, probe: Probe, decoded: Decoded, indexed: Sides | None
    ) -> None:
        """Hold the sides that came out against those that plans and cuts are made by."""
        told = {
            "its header says": (probe.width, probe.height),
            "the seek index has": indexed,
            "the .beton has": announced_sides(self._samples, look.index),
        }
        for who, sides in told.items():
            if sides is not None and sides != (decoded.width, decoded.height):
                cause = f"decodes to {decoded.width} x {decoded.height}, but {who} "
                look.fault(GEOMETRY, cause + f"{sides[0]} x {sides[1]}")
