"""Which files this process holds open, for tests that nothing stays open."""

import contextlib
from pathlib import Path


def open_under(*places: Path) -> int:
    """How many descriptors lead to these files, or to these folders or something in them.

    Only those are counted: the garbage of other tests may close its own at any moment.
    """
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of the listing itself
            target = link.readlink()
            found += any(target.is_relative_to(place) for place in places)
    return found
