"""Which files this process holds open, for tests that nothing stays open."""

import contextlib
from pathlib import Path


def open_under(folder: Path) -> int:
    """How many descriptors lead to ``folder`` or to something in it.

    Only those are counted: the garbage of other tests may close its own at any moment.
    """
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of the listing itself
            target = link.readlink()
            found += target == folder or folder in target.parents
    return found
