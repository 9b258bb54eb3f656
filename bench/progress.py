"""Telling the user on stderr how far a bench is: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


class Teller:
    """Notes are lines that stay; steps move a terminal's bar. Elsewhere each row is named once, and
    so is each round."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        # FORCE_COLOR makes every console of rich a terminal, but a bar in a file is noise.
        self._watched = sys.stderr.isatty()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._watched,
        )
        self._told: set[str] = set()
        self._task = self._bar.add_task("", total=None, visible=False)

    def note(self, text: str) -> None:
        """A line that stays above the bar."""
        if self._watched:
            self._console.print(text, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def expect(self, steps: int) -> None:
        """How many steps there will be; the bar is shown from now on."""
        self._bar.update(self._task, total=steps, visible=True)

    def doing(self, text: str) -> None:
        """What is being done now, as "ROW: WHAT"."""
        row, _, what = text.partition(": ")
        if not self._watched and not {row, what} <= self._told:
            self.note(what if row in self._told else text)  # minutes of silence look like a hang
        self._told |= {row, what}
        self._bar.update(self._task, description=text)

    def tell(self, text: str) -> None:
        """What is done next, a step of its own."""
        self.doing(text)
        self.step()

    def step(self) -> None:
        """One step is done."""
        self._bar.advance(self._task)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
