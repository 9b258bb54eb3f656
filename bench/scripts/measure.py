"""All trainers in turn, round by round, and what came of it."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fasttricks.bench.process import Guard
from fasttricks.bench.report import ResultRow
from fasttricks.bench.scripts.watch import Reading, Trainer, watch
from fasttricks.bench.scripts.window import Window
from fasttricks.bench.stats import ratios, throughput
from fasttricks.bench.turns import in_turn

OURS = "fasttricks"
"""What the rows of our trainer begin with."""


def measure(
    trainers: Sequence[Trainer],
    window: Window,
    env: Mapping[str, str],
    *,
    rounds: int,
    tell: Callable[[str], None],
) -> dict[str, list[Reading]]:
    """Run each trainer once a round, in turn; one reading a round, by row.

    Raises:
        FasttricksError: one failed.
    """
    readings: dict[str, list[Reading]] = {trainer.row: [] for trainer in trainers}
    with Guard() as guard, tempfile.TemporaryDirectory(prefix="fasttricks-bench-") as folder:
        for number in range(1, rounds + 1):
            for trainer in in_turn(trainers, number):
                tell(f"{trainer.row}: round {number} of {rounds}")
                out = Path(folder, "run")
                out.mkdir()
                readings[trainer.row].append(watch(trainer, out, window, env, guard))
                shutil.rmtree(out)  # checkpoints of hundreds of MB
    return readings


def results(readings: Mapping[str, Sequence[Reading]], batch_size: int) -> list[ResultRow]:
    """One row for each trainer.

    images_per_s of the timed steps: median over rounds, p20 and p80 beside it; cpu_s_per_1000:
    median of the CPU seconds that 1000 pictures took in these; whole_s: median of the seconds from
    starting the process to its end. Rows of ours have `to`, by script: "speed", "cpu" and "whole",
    each above 1 where we are better in the same round, as "ratio" (median), "p20" and "p80".
    """
    theirs = {row: those for row, those in readings.items() if not row.startswith(OURS)}
    rows = []
    for name, those in readings.items():
        row: ResultRow = {
            "row": name,
            **throughput([batch_size * one.steps / one.seconds for one in those]),
            "cpu_s_per_1000": round(1000 * statistics.median(_cpu(those, batch_size)), 3),
            "whole_s": round(statistics.median(one.whole_s for one in those), 3),
            "to": {},
            "rounds": len(those),
            "wholes": [round(one.whole_s, 3) for one in those],
        }
        if name.startswith(OURS):
            row["to"] = {script: _compared(those, others) for script, others in theirs.items()}
        rows.append(row)
    return rows


def _cpu(readings: Sequence[Reading], batch_size: int) -> list[float]:
    """CPU seconds of a picture, each round."""
    return [one.cpu_s / (batch_size * one.steps) for one in readings]


def _compared(ours: Sequence[Reading], theirs: Sequence[Reading]) -> dict[str, dict[str, float]]:
    """Their time over ours, within rounds."""
    seconds = [[one.seconds / one.steps for one in those] for those in (theirs, ours)]
    wholes = [[one.whole_s for one in those] for those in (theirs, ours)]
    found = {"speed": ratios(*seconds), "whole": ratios(*wholes)}
    cpu = [_cpu(those, 1) for those in (theirs, ours)]
    if all(cpu[1]):  # a run too short for the kernel to count
        found["cpu"] = ratios(*cpu)
    return found
