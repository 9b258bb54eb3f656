"""A bar on stderr for work that takes long, where a user is watching."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress_bar(text: str, total: int, visible: bool) -> Iterator[Callable[[int], None]]:
    """Yields what to tell how many more of `total` things are done.

    Nothing is shown unless `visible`, nor where stderr is no terminal: in a file a bar is noise.

    Args:
        text: what is being done, in a few words.
    """
    if not (visible and sys.stderr.isatty()):
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(text, total=total)
        yield lambda done: bar.advance(task, done)
