"""What the doctor can say of one picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fasttricks.data.probe import Probe

# Faults: each of these makes a picture *broken*.
UNREADABLE = "unreadable"
"""Its bytes cannot be had: no such file, no permission, tar and pack.index disagree."""
CHECKSUM = "checksum"
"""Its bytes are not those that the pack was made with."""
UNDECODABLE = "undecodable"
"""No decoder makes a picture of it."""
GEOMETRY = "geometry"
"""Its size in pixels is not the one that was announced."""
INDEX = "seek index"
"""What the seek index says of it is damaged or wrong."""

ODD, WARNING, MISNAMED, ORIENTATION, STALE = (
    "odd",
    "warning",
    "misnamed",
    "orientation",
    "stale index",
)
NOTES = (ODD, WARNING, MISNAMED, ORIENTATION, STALE)
"""None of these makes a picture broken: they are worth knowing."""


class Fault(NamedTuple):
    """Why a picture is broken."""

    kind: str
    """One of the faults above, such as UNREADABLE."""
    cause: str
    """In words, on one line."""


class Note(NamedTuple):
    """Something to know of a sound picture."""

    kind: str
    """One of NOTES."""
    label: str
    """What it is; few labels for many pictures, so that they can be counted."""


@dataclass(slots=True)
class Look:
    """What looking at one picture gave."""

    index: int
    faults: list[Fault] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    traits: list[str] = field(default_factory=list)
    """What kind of JPEG it is: "baseline", "progressive", "grey", "CMYK"."""
    size: int = 0
    """Bytes; 0 if it cannot be read."""
    digest: bytes = b""
    """16 bytes of a hash of its content; none if it cannot be read."""
    probe: Probe | None = None
    """None if it cannot be read."""

    @property
    def broken(self) -> bool:
        return bool(self.faults)

    def fault(self, kind: str, cause: str) -> None:
        self.faults.append(Fault(kind, cause))

    def note(self, kind: str, label: str) -> None:
        self.notes.append(Note(kind, label))
