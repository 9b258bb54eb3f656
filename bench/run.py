"""`fasttricks bench`: find files and rows, measure, show and save what came out."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from fasttricks.bench import plot, report, requirements, table
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.files import open_files
from fasttricks.bench.measure import Measurement
from fasttricks.bench.progress import Teller
from fasttricks.bench.report import ResultRow
from fasttricks.bench.rows import check_names, plan_rows
from fasttricks.files import check_writable


def run(config: BenchConfig) -> int:
    """Measure as `config` says; table on stdout, progress and problems on stderr.

    Returns:
        0, or 2 if a row failed (the others are measured and shown all the same).

    Raises:
        FasttricksError: nothing can be measured: data, names or packages are not right; or what
            was measured cannot be written (it has been shown then).
        ValueError: a setting is out of range.
    """
    # All that can be known to be wrong is found before minutes are spent.
    config.check()
    requirements.check(config)
    old = report.read(config.compare) if config.compare else []
    if config.json:
        check_writable(config.json)
    if config.plot:
        plot.check(config.plot)
    if config.kernels:
        from fasttricks.bench.kernels.run import run_kernels  # brings torch, which takes seconds

        return run_kernels(config)
    if config.model:
        from fasttricks.bench.models.run import run_models  # likewise

        return run_models(config)
    if config.train:
        from fasttricks.bench.train.run import run_train  # likewise

        return run_train(config)
    check_names(config)
    files = open_files(config)
    rows, left_out = plan_rows(config, files)
    with Teller() as teller:
        for line in left_out:
            teller.note(f"left out: {line}")
        measurement = Measurement(config, files, teller)
        results = measurement.run(rows)
    if results:
        finish(config, results, old)
    return 2 if measurement.failed else 0


def finish(config: BenchConfig, results: Sequence[ResultRow], old: Sequence[ResultRow]) -> None:
    """Write, draw and show what was measured."""

    def show(rows: Sequence[ResultRow], console: Console) -> None:
        table.show(rows, console)
        if old:
            table.show_comparison(rows, old, console)

    try:
        if config.plot:
            plot.draw(results, config.plot)
    finally:
        report.finish(results, config.json, show)
