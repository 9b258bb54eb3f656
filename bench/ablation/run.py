"""`fasttricks ablate` as a whole: plan, train, show and save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console

from fasttricks.bench import machine, report
from fasttricks.bench.ablation.rows import make_rows
from fasttricks.bench.ablation.show import show, show_plan
from fasttricks.bench.table import write_text
from fasttricks.commands.ablate import Ablate
from fasttricks.report import ablation, figure
from fasttricks.train.ablate import Result, check_folder, climb_all, first_recipe
from fasttricks.train.distributed import speaks
from fasttricks.train.ladder import Planned, climb, shortened
from fasttricks.train.rungs import LADDERS

JSON, PLOT = "ladder.json", "ladder.png"


def run(command: Ablate) -> int:
    """Do what the command says.

    Returns:
        0, or 130 if a run was asked to stop.
    """
    seeds = command.seed_list
    plan = plan_of(command)
    console = Console(quiet=not speaks())
    if command.plan:
        show_plan(plan, console)
        return 0
    check_folder(command.out, resume=command.resume == "auto")
    command.out.mkdir(parents=True, exist_ok=True)

    def tell(text: str) -> None:
        if speaks():
            write_text(console, text)

    results = list(climb_all(plan, seeds, command.out, tell=tell))
    if results and speaks():
        _report(command, plan, results, console)
    planned = len(seeds) * sum(not step.skipped for step in plan)
    if len(results) == planned:
        return 0
    tell(f"{len(results)} of {planned} runs are done; --resume auto goes on")
    return 130


def plan_of(command: Ablate) -> list[Planned]:
    """The rungs for the command's model, data and length."""
    ladder = LADDERS[command.ladder]
    base = shortened(ladder.base(), command.epochs)
    base = replace(
        base,
        device=command.device,
        data=replace(
            base.data,
            path=command.data,
            val=command.val,
            pipeline=command.pipeline,
            size=command.size,
            eval_size=command.size,
            batch_size=command.batch_size or base.data.batch_size,
        ),
    )
    first = first_recipe(ladder, base, command.model, command.settings)
    return list(climb(ladder.rungs(command.teacher), first, equal_epochs=command.equal_epochs))


def _report(
    command: Ablate, plan: Sequence[Planned], results: Sequence[Result], console: Console
) -> None:
    """Table, file and, where it can be drawn, plot."""
    about = {
        "ladder": command.ladder,
        "source": LADDERS[command.ladder].source,
        "data": command.data,
        **machine.provenance(),
    }
    rows = [row | about for row in make_rows(plan, results)]
    show(rows, console)
    report.write(command.out / JSON, rows)
    written = str(command.out / JSON)
    if figure.installed():
        section = ablation.section(rows)
        heading = f"{section.title}: {section.about[0]}, {command.data}"
        figure.write(section.charts, heading, command.out / PLOT)
        written += f" and {PLOT}"
    else:
        written += "; no plot: pip install 'fasttricks[plot]'"
    write_text(console, f"in {written}")
