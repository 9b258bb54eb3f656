"""From runs to one row a rung: mean, spread, and what the rung brought."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from fasttricks.bench.report import ResultRow
from fasttricks.train.ablate import Result
from fasttricks.train.ladder import Planned
from fasttricks.train.resume import differences


def make_rows(plan: Sequence[Planned], results: Sequence[Result]) -> list[ResultRow]:
    """One row for each rung, those that were skipped included.

    top1: percent, by seed. mean, std (sample standard deviation, null for one seed), min, max: over
    seeds. delta: mean over the seeds that both have of this rung's top1 less that of `against`.
    spread: the larger std of the two. in_spread: whether the delta is no larger than that (null
    where there is no spread). paper_top1, paper_delta: the paper's, in percent and points.
    """
    by_name = {step.name: step for step in plan}
    rows: dict[str, ResultRow] = {}
    for step in plan:
        mine = [result for result in results if result.rung == step.name]
        rows[step.name] = _row(step, mine) | _compared(step, mine, rows.get(step.against))
        under = by_name.get(step.against)
        rows[step.name]["changes"] = changes(under, step) if under else []
    return list(rows.values())


def changes(under: Planned, step: Planned) -> list[str]:
    """What a rung changes in the recipe: "optim.lr: 0.1, now 0.4"."""
    return list(differences(under.recipe.as_dict(), step.recipe.as_dict()))


def _row(step: Planned, mine: Sequence[Result]) -> ResultRow:
    top1 = {result.seed: 100 * result.top1 for result in mine if result.top1 is not None}
    values = list(top1.values())
    rates = [result.images_per_s for result in mine if result.images_per_s is not None]
    recipe = step.recipe
    return {
        "row": step.name,
        "what": step.rung.what,
        "skipped": step.skipped,
        "model": recipe.model.name,
        "overrides": recipe.model.overrides(),
        "size": recipe.data.size,
        "eval_size": recipe.data.eval_size,
        "batch_size": recipe.data.batch_size,
        # As a paper counts them, whose rungs that read two pictures for one take two passes.
        "epochs": recipe.schedule.epochs // recipe.mix.pictures_per_output,
        "top1": {str(seed): round(value, 4) for seed, value in top1.items()},
        "mean": round(statistics.mean(values), 4) if values else None,
        "std": round(statistics.stdev(values), 4) if len(values) > 1 else None,
        "min": round(min(values), 4) if values else None,
        "max": round(max(values), 4) if values else None,
        "diverged": [result.seed for result in mine if result.problem],
        "val_pictures": max((result.count for result in mine), default=0),
        "images_per_s": round(statistics.median(rates), 2) if rates else None,
        "paper_top1": step.rung.top1,
        "paper_delta": step.paper_delta,
        "against": step.against,
    }


def _compared(step: Planned, mine: Sequence[Result], under: ResultRow | None) -> ResultRow:
    nothing = {"delta": None, "spread": None, "in_spread": None}
    if under is None or step.skipped:
        return nothing
    pairs = [
        (100 * result.top1, under["top1"][str(result.seed)])
        for result in mine
        if result.top1 is not None and str(result.seed) in under["top1"]
    ]
    if not pairs:
        return nothing
    delta = statistics.mean(here - there for here, there in pairs)
    if len(pairs) < 2:
        return nothing | {"delta": round(delta, 4)}
    spread = max(map(statistics.stdev, zip(*pairs, strict=True)))
    return {
        "delta": round(delta, 4),
        "spread": round(spread, 4),
        "in_spread": abs(delta) <= spread,
    }
