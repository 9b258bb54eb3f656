"""A case while it is measured: a way that fails leaves it, and the others go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fasttricks.bench.kernels.case import Case, reason
from fasttricks.bench.kernels.measure import Times


class Trial:
    """The ways of a case that still work, and what was seen of them.

    Attributes:
        case: with these ways; none when ours has failed, with which all others are compared.
        times: of these ways.
        failures: a line for each that failed.
        own_failed: whether ours is among them.
    """

    def __init__(self, case: Case, tell: Callable[[str], object]) -> None:
        self.case, self.times = case, Times.of(case)
        self.failures: list[str] = []
        self.own_failed = False
        self._tell = tell

    def attempt(self, action: Callable[[Case, Times], object]) -> None:
        """Do it with all ways that still work; when one fails, again without it."""
        while self.case.ways:
            try:
                action(self.case, self.times)
                return
            except Exception as error:
                ways = self.case.ways
                way = getattr(error, "way", None)
                # Inputs, reference, copy, device: when they fail, ours cannot be timed either.
                self._leave_out(ways.index(way) if way in ways else 0, reason(error))

    def _leave_out(self, place: int, why: str) -> None:
        end = place + 1 if place else None  # nothing is left to compare others with
        ways = list(self.case.ways)
        self.own_failed |= not place or ways[place].ours
        line = f"{self.case.name}: {why}"
        if not place and ways[1:]:
            line += f"; not timed without it: {', '.join(way.name for way in ways[1:])}"
        for lane in (ways, self.times.ways, self.times.calls):
            del lane[place:end]
        self.case = replace(self.case, ways=tuple(ways))
        self.failures.append(line)
        self._tell(line)
