"""`fasttricks tricks`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Tricks:
    """List the tricks, or print the card of one: what it is, costs and brings, and the source."""

    name: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[NAME]")] = None
    """A trick of the list."""

    def run(self) -> int:
        """Print."""
        from fasttricks.tricks.cards import CARDS, find_card

        if self.name is not None:
            print(find_card(self.name))
            return 0
        width = max(map(len, CARDS))
        for card in CARDS.values():
            print(f"{card.name:<{width}}  {card.summary}")
        return 0
