"""The machines and versions behind the runs, each told once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fasttricks.report.chart import Section, Table
from fasttricks.report.results import Run

FACTS = {
    "cpu": "processor",
    "cores": "cores",
    "usable_cores": "cores usable",
    "memory_gb": "memory, GB",
    "gpus": "GPUs",
    "system": "system",
}


def machine_of(run: Run) -> dict[str, Any]:
    """The machine as the file tells it; empty where it does not."""
    found = run.about.get("machine")
    return found if isinstance(found, dict) else {}


def distinct(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Every machine once, in the order of the runs."""
    found: list[dict[str, Any]] = []
    for run in runs:
        if (machine := machine_of(run)) and machine not in found:
            found.append(machine)
    return found


def sections(runs: Sequence[Run]) -> list[Section]:
    """One for each machine, with the versions that its runs had."""
    machines = distinct(runs)
    return [
        Section(
            title="Machine and versions" + (f" {place}" if len(machines) > 1 else ""),
            tables=[
                Table(
                    header=("machine", "value"),
                    lines=[[FACTS.get(key, key), _words(value)] for key, value in machine.items()],
                ),
                _versions([(n, r) for n, r in enumerate(runs, 1) if machine_of(r) == machine]),
            ],
        )
        for place, machine in enumerate(machines, 1)
    ]


def _versions(runs: Sequence[tuple[int, Run]]) -> Table:
    """Package and version; where not all runs had the same, which had it."""
    had: dict[str, dict[str, list[int]]] = {}
    for number, run in runs:
        found = run.about.get("versions")
        for package, version in (found if isinstance(found, dict) else {}).items():
            had.setdefault(package, {}).setdefault(str(version), []).append(number)
    return Table(
        header=("package", "version"),
        lines=[
            [package, "; ".join(_version(v, numbers, len(runs)) for v, numbers in by.items())]
            for package, by in had.items()
        ],
    )


def _version(version: str, numbers: Sequence[int], runs: int) -> str:
    if len(numbers) == runs:
        return version
    return f"{version} (run {', '.join(map(str, numbers))})"


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
