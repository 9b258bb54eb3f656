"""All rows on one machine at one time: started one after the other, then timed in turn."""

from __future__ import annotations

import os
import signal
import statistics
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fasttricks.bench import machine, pagecache
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.contender import Contender, RowFailedError
from fasttricks.bench.files import PictureFiles
from fasttricks.bench.packs import PACKS, make_pack
from fasttricks.bench.process import Guard
from fasttricks.bench.progress import Teller
from fasttricks.bench.report import ResultRow
from fasttricks.bench.rows import Row, settings_of
from fasttricks.bench.seek import freshen
from fasttricks.bench.stats import ratios, summarise
from fasttricks.bench.turns import in_turn
from fasttricks.bench.variants import pipeline_of
from fasttricks.data.open import open_data
from fasttricks.data.samples import Samples
from fasttricks.errors import FasttricksError
from fasttricks.pipelines.beton.file import Beton

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
        self._stayed: dict[str, list[float | None]] = {}
        self._alive: list[Contender] = []

    def run(self, rows: Sequence[Row]) -> list[ResultRow]:
        """Measure the rows; one result for each that did not fail, in the order given.

        Every row is started, warmed up and stopped; then, in each round, every row is woken, timed
        and stopped in turn, every second round backwards, so that whatever slows the machine down
        for a while meets all of them.
        """
        rows = self._prepared(rows, self._make_pack, lambda row: bool(row.pack))
        rows = self._prepared(rows, self._freshen_index, lambda row: row.cuts)
        self.teller.expect(len(rows) * (self.config.rounds + 2))
        self._alive = []
        with Guard() as guard, _ended_afterwards(self._alive):
            for row in rows:
                pack = str(self._packs.get(row.pack, ""))
                settings = settings_of(row, self.config, self.files, pack)
                self._alive.append(Contender(row, settings, self.config.warmup, guard))
                self._try("starting", self._alive[-1], Contender.start)
            for number in range(1, self.config.rounds + 1):
                what = f"round {number} of {self.config.rounds}"
                self._each(what, self._round, in_turn(self._alive, number))
            self._each("stages", self._profile, self._alive)
            return self._results()

    def _each(
        self, what: str, action: Callable[[Contender], None], contenders: Sequence[Contender]
    ) -> None:
        for contender in list(contenders):
            self._try(what, contender, action)

    def _try(self, what: str, contender: Contender, action: Callable[[Contender], None]) -> None:
        """Do something with a row; if it fails it is ended and left out, and it is said why."""
        self.teller.doing(f"{contender.row.label}: {what}")
        try:
            action(contender)
        except RowFailedError as error:
            self._alive.remove(contender)
            contender.close()
            self._fail(str(error), error.details)
        self.teller.step()

    def _fail(self, line: str, details: Sequence[str] = ()) -> None:
        self.failed += 1
        self.teller.note(line)
        for words in details:
            self.teller.note(f"    {words}")

    def _prepared(
        self, rows: Sequence[Row], prepare: Callable[[str], None], needs: Callable[[Row], bool]
    ) -> list[Row]:
        """Prepare each kind of pack, "" being none, for the rows that need it; where that fails,
        these fail and are not among those returned."""
        fit = list(rows)
        for kind in dict.fromkeys(row.pack for row in rows if needs(row)):
            try:
                prepare(kind)
            except FasttricksError as error:
                for row in rows:
                    if needs(row) and row.pack == kind:
                        self._fail(f"{row.label} failed: {error}")
                        fit.remove(row)
        return fit

    def _make_pack(self, kind: str) -> None:
        self._packs[kind] = make_pack(kind, self.files, self.teller.note)

    def _freshen_index(self, kind: str) -> None:
        """See to it that what rows cut by fits their files."""
        samples: Samples
        if kind:
            samples = Beton(self._packs[kind])
        else:
            samples = open_data(self.files.root, train=not self.config.eval)
        freshen(samples, self.teller.note)

    def _round(self, contender: Contender) -> None:
        if not self.config.cold:
            contender.round(self.config.seconds, limit=0)
            return
        row = contender.row
        paths = [str(self._packs[row.pack])] if row.pack else self.files.paths
        os.sync()  # pages that are not yet written cannot be dropped
        pagecache.drop(paths)
        self._stayed.setdefault(row.label, []).append(pagecache.resident(paths))
        contender.round(self.config.seconds, limit=self.files.count)

    def _profile(self, contender: Contender) -> None:
        """Split a row's time into stages; what its rounds have measured stands without that too."""
        try:
            contender.profile(PROFILED)
        except RowFailedError as error:
            self.teller.note(f"{error} (in the pass for its stages; its rounds are kept)")

    def _results(self) -> list[ResultRow]:
        alive = self._alive
        about = {
            "data": self.files.label,
            "files": self.files.count,
            "shards": len(self.files.paths) - 1 if self.files.is_pack else 0,
            **machine.provenance(),
        }
        for contender in alive:
            about["versions"] |= contender.facts.get("versions", {})
        return [
            self._result(contender, alive[0]) | {"own": _own(contender, alive)} | about
            for contender in alive
        ]

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
            "decode_s": round(contender.facts.get("open_s", 0.0), 3) if row.prepares else 0.0,
            "kept_mb": round(contender.facts.get("kept_mb", 0.0), 1),
            "uncut": _uncut(contender),
            "stages": contender.stages,
            "does": _does(contender.facts["does"], config),
            "pack": PACKS[row.pack] if row.pack else "",
            "pixels": row.pixels,
            "batches": row.batches,
            **_indexing(contender, row.threads),
            "notes": self._notes(row),
        }

    def _notes(self, row: Row) -> list[str]:
        if not self.config.cold:
            return []
        stayed = [share for share in self._stayed[row.label] if share is not None]
        if not stayed:
            return [
                f"{row.name}: not known whether cold: only a user who may write to a file is told "
                "whether it is in the page cache"
            ]
        if max(stayed) > COLD_ENOUGH:
            return [
                f"{row.name}: not cold: {max(stayed):.0%} of what it reads stayed in the page "
                "cache (mapped into memory, or on a file system that lives there)"
            ]
        return ["cold: files dropped from the page cache before each timing of one pass at most"]


def _does(words: str | Sequence[str], config: BenchConfig) -> str:
    """What a row does at the level of work that is measured."""
    if isinstance(words, str):
        return words
    training, evaluation, colour = words
    said = [evaluation if config.eval else training]
    if config.work == "full" and not config.eval:
        said.append(colour)
    if config.work != "decode":
        said.append("normalise")
    return ", ".join(said)


def _own(contender: Contender, alive: Sequence[Contender]) -> dict[str, Any]:
    """How a variant compares with its own pipeline at as many threads, where that was measured."""
    row = contender.row
    pipeline = pipeline_of(row.name)
    for base in alive:
        if base.row.name == pipeline != row.name and base.row.threads == row.threads:
            return {"row": pipeline, **ratios(contender.measured.rates, base.measured.rates)}
    return {}


def _uncut(contender: Contender) -> dict[str, int]:
    """Pictures decoded whole for what the seek index lacks, of how many; empty if none were."""
    found: dict[str, int] = contender.facts.get("uncut", {})
    return found | {"samples": contender.facts["samples"]} if any(found.values()) else {}


def _indexing(contender: Contender, threads: int) -> dict[str, float]:
    """What a row that indexes has besides: MB of JPEG per second, and how large the index gets."""
    if "index_share" not in contender.facts:
        return {}
    rate = statistics.median(contender.measured.rates)
    speed = rate * contender.facts["jpeg_mb_per_image"]
    return {
        "jpeg_mb_per_s": round(speed, 2),
        "jpeg_mb_per_s_per_core": round(speed / threads, 2),
        "index_share": round(contender.facts["index_share"], 5),
    }


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
