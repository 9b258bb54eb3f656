"""Names in a tar: keys that WebDataset readers take, one for each sample and none twice.

WebDataset cuts a member's name at the first dot behind the last slash: what is before it is the key
of the sample, what is behind it the kind of its content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from fasttricks.data.formats import format_of

_ENDINGS = {"jpeg": "jpg", "jpe": "jpg", "jfif": "jpg", "tiff": "tif"}
"""Endings that mean the same, so that one word asks a reader for all of them."""


def unique_keys(names: Iterable[bytes]) -> Iterator[str]:
    """A key for each name, in order: [A-Za-z0-9_/-] stays as it is, any other byte becomes %XX.

    A name that comes to a key taken already ("a.png" after "a.jpg") keeps its ending in its own
    ("a%2Epng"); where that is taken, too, a number follows.

    Args:
        names: relative paths as bytes (file systems do not promise UTF-8), with their endings.
    """
    taken: set[str] = set()
    next_number: dict[str, int] = {}
    for name in names:
        key = encoded(name[: len(name) - len(_ending(name))])
        if key in taken:
            key = whole = encoded(name)
            while key in taken:
                number = next_number[whole] = next_number.get(whole, 1) + 1
                key = f"{whole}%2E{number}"
        taken.add(key)
        yield key


def encoded(name: bytes) -> str:
    """A name with everything but [A-Za-z0-9_/-] as %XX."""
    return quote(name, safe="/").replace(".", "%2E").replace("~", "%7E")


def ending_of(name: bytes) -> str:
    """What a member that holds this file ends with: "jpg" for .JPEG and its like, "png", ..."""
    ending = _ending(name)[1:].decode("ascii", "replace").lower()
    return _ENDINGS.get(ending, ending)


def ending_by_content(data: bytes) -> str:
    """The same for a picture without a name; "jpg" where nothing else is recognised."""
    ending = format_of(data).lower()
    return _ENDINGS.get(ending, ending) or "jpg"


def _ending(name: bytes) -> bytes:
    """The last dot of the base name and what follows it; b"" if there is none."""
    dot = name.rfind(b".")
    return name[dot:] if dot > name.rfind(b"/") + 1 else b""
