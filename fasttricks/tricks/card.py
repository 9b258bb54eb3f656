"""What is told of a trick: one card, as text and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Card:
    """A trick in five lines. Numbers are those of its source, not ours.

    Accuracy is top-1 on ImageNet in per cent of a ResNet-50-D, epochs and pictures as its source
    has them, where nothing else is said; `before -> after (difference)`.
    """

    name: str
    what: str
    cost: str
    benefit: str
    source: str
    code: str
    """The file that does it, from the top of the repository."""

    @property
    def summary(self) -> str:
        """The first sentence of `what`."""
        return self.what.split(". ")[0].rstrip(".")

    def __str__(self) -> str:
        rows = ("what", "cost", "benefit", "source", "code")
        return "\n".join([self.name, *(f"  {row + ':':<9}{getattr(self, row)}" for row in rows)])

    def markdown(self) -> str:
        """A section of docs/tricks.md."""
        return (
            f"## {self.name}\n\n{self.what}\n\n"
            f"- **Cost.** {self.cost}\n"
            f"- **Benefit.** {self.benefit}\n"
            f"- **Source.** {self.source}. Code: [`{self.code}`](../{self.code}).\n"
        )
