"""All rows on one machine at one time: started one after the other, then timed in turn."""

from __future__ import annotations

import datetime
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fasttricks.bench import machine, pagecache
from fasttricks.bench.child import Settings
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.contender import Contender, RowFailedError
from fasttricks.bench.files import PictureFiles
from fasttricks.bench.packs import PACKS, make_pack
from fasttricks.bench.process import Guard
from fasttricks.bench.progress import Teller
from fasttricks.bench.report import ResultRow
from fasttricks.bench.rows import Row
from fasttricks.bench.stats import summarise
from fasttricks.errors import FasttricksError

PROFILED = 64
"""Pictures in the pass that splits time into stages."""
FAREWELL_S = 5.0
"""How long a row may take to close its loader before it is killed."""
COLD_ENOUGH = 0.05
"""Share of pages that may stay in the page cache without a note."""


class Measurement:
    """One run of the bench; `failed` then counts the rows that could not be measured."""

    def __init__(self, config: BenchConfig, files: PictureFiles, teller: Teller) -> None:
        self.config = config
        self.files = files
        self.teller = teller
        self.failed = 0
        self._packs: dict[str, Path] = {}
        self._stayed: dict[str, float] = {}

    def run(self, rows: Sequence[Row]) -> list[ResultRow]:
        """Measure the rows; one result for each that did not fail, in the order given.

        Every row is started, warmed up and stopped; then, in each round, every row is woken, timed
        and stopped in turn, so that whatever slows the machine down for a while meets all of them.
        """
        rows = self._with_packs(rows)
        self.teller.expect(len(rows) * (self.config.rounds + 2))
        alive: list[Contender] = []
        with Guard() as guard, _ended_afterwards(alive):
            for row in rows:
                alive.append(Contender(row, self._settings(row), self.config.warmup, guard))
                self._each(alive, "starting", Contender.start, only=alive[-1:])
            for number in range(1, self.config.rounds + 1):
                self._each(alive, f"round {number} of {self.config.rounds}", self._round)
            self._each(alive, "stages", self._profile)
            return self._results(alive)

    def _each(
        self,
        alive: list[Contender],
        what: str,
        action: Callable[[Contender], object],
        only: Sequence[Contender] | None = None,
    ) -> None:
        """Do something with each; one that fails is ended, leaves `alive`, and it is said why."""
        for contender in list(alive if only is None else only):
            self.teller.doing(f"{contender.row.label}: {what}")
            try:
                action(contender)
            except RowFailedError as error:
                alive.remove(contender)
                contender.close()
                self._fail(str(error), error.details)
            self.teller.step()

    def _fail(self, line: str, details: Sequence[str] = ()) -> None:
        self.failed += 1
        self.teller.note(line)
        for words in details:
            self.teller.note(f"    {words}")

    def _with_packs(self, rows: Sequence[Row]) -> list[Row]:
        """Make the packs that rows need; rows whose pack could not be made fail."""
        for kind in dict.fromkeys(row.pack for row in rows if row.pack):
            try:
                self._packs[kind] = make_pack(kind, self.files, self.teller.note)
            except FasttricksError as error:
                for row in rows:
                    if row.pack == kind:
                        self._fail(f"{row.label} failed: {error}")
        return [row for row in rows if not row.pack or row.pack in self._packs]

    def _settings(self, row: Row) -> Settings:
        config = self.config
        return Settings(
            name=row.name,
            root=str(self.files.root),
            repeat=1 if config.cold else self.files.repeat,
            batch_size=config.batch_size,
            size=config.size,
            device=config.device,
            dtype=config.dtype,
            threads=row.threads,
            train=not config.eval,
            work=config.work,
            cold=config.cold,
            pack=str(self._packs.get(row.pack, "")),
        )

    def _round(self, contender: Contender) -> None:
        if not self.config.cold:
            contender.round(self.config.seconds, limit=0)
            return
        row = contender.row
        paths = [str(self._packs[row.pack])] if row.pack else self.files.paths
        os.sync()  # pages that are not yet written cannot be dropped
        pagecache.drop(paths)
        stayed = pagecache.resident(paths)
        self._stayed[row.label] = max(stayed, self._stayed.get(row.label, 0.0))
        contender.round(self.config.seconds, limit=len(self.files.paths))

    def _profile(self, contender: Contender) -> None:
        """Split a row's time into stages; what its rounds have measured stands without that too."""
        try:
            contender.profile(PROFILED)
        except RowFailedError as error:
            self.teller.note(f"{error} (in the pass for its stages; its rounds are kept)")

    def _results(self, alive: Sequence[Contender]) -> list[ResultRow]:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        found = machine.versions()
        for contender in alive:
            found |= contender.facts.get("versions", {})
        about = {
            "data": self.files.label,
            "files": len(self.files.paths),
            "machine": machine.machine(),
            "versions": found,
            "date": now,
            "commit": machine.commit(),
            "command": machine.command_line(),
        }
        return [self._result(contender, alive[0]) | about for contender in alive]

    def _result(self, contender: Contender, base: Contender) -> ResultRow:
        config, row = self.config, contender.row
        return {
            "row": row.name,
            "threads": row.threads,
            "device": config.device,
            "batch_size": config.batch_size,
            "size": config.size,
            "work": config.work,
            "dtype": contender.dtype,
            "eval": config.eval,
            "cold": config.cold,
            "seconds": config.seconds,
            "rounds": config.rounds,
            **summarise(contender.measured, base.measured, row.threads),
            "compile_s": round(contender.facts.get("compile_s", 0.0), 3),
            "stages": contender.stages,
            "does": contender.facts["does"],
            "pack": PACKS[row.pack] if row.pack else "",
            "reencoded": row.reencoded,
            "notes": self._notes(row),
        }

    def _notes(self, row: Row) -> list[str]:
        if not self.config.cold:
            return []
        stayed = self._stayed[row.label]
        if stayed > COLD_ENOUGH:
            return [
                f"{row.name}: not cold: {stayed:.0%} of what it reads stayed in the page cache "
                "(mapped into memory, or on a file system that lives there)"
            ]
        return ["cold: files dropped from the page cache before each timing of one pass at most"]


@contextmanager
def _ended_afterwards(alive: list[Contender]) -> Iterator[None]:
    """End all that are in the list: in peace when all went well, at once when not."""
    patience = 0.0
    try:
        yield
        patience = FAREWELL_S
    finally:
        with _uninterruptible():
            for contender in alive:
                contender.close(patience)


@contextmanager
def _uninterruptible() -> Iterator[None]:
    """Ctrl-C pressed again must not leave processes behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
