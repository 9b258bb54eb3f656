"""`fasttricks recipes`."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipes:
    """List the recipes of `fasttricks train`, with their expected cost and the paper's accuracy."""

    def run(self) -> int:
        """Print the table."""
        from rich.console import Console
        from rich.table import Table

        from fasttricks.train.recipes import RECIPES

        # In a pipe there is no width to fit into: one line a recipe.
        console = Console(width=None if sys.stdout.isatty() else 200)
        table = Table("recipe", "what", "expected cost", "top-1 %", show_lines=True)
        for name, entry in RECIPES.items():
            table.add_row(name, entry.what, entry.cost, entry.accuracy)
        console.print(table)
        console.print(
            'P1 is "Bag of Tricks" (arXiv 1812.01187), P2 "Assembled CNN" (arXiv 2001.06268). '
            "Costs and accuracies are the sources' own, on their hardware and ImageNet, except "
            "those of cpu-small; "
            "`fasttricks train RECIPE --help` shows every setting.",
            soft_wrap=True,
        )
        return 0
