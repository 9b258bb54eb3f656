"""One hue for each pipeline, the same in every chart and told apart by most colour-blind eyes too.

Words beside everything drawn say what it is: nobody has to tell hues apart to read a chart.
"""

from __future__ import annotations

from fasttricks.bench.config import PEERS

HUES = {
    "roi": "#2c7de5",
    "dali": "#165218",
    "torchvision": "#ba7e37",
    "ffcv": "#6a39a8",
    "resident": "#b4104d",
    "ours": "#21a1ab",
    "others": "#77797d",
}
"""All have a contrast of 3 to white, and a distance of 8 from each other in OKLab (x 100) for
normal, deutan and protan sight: found by a random search with these limits."""

SHADES = {
    "read": 0.18,
    "slice": 0.34,
    "decode": 0.62,
    "resize": 0.26,
    "finish": 0.46,
    "copy": 0.12,
}
"""How strong a stage is in its pipeline's hue; none so strong that text on it is hard to read."""
OTHER_SHADES = (0.4, 0.22, 0.54, 0.3)
"""Of stages that are not known, in turn."""


def hue_of(row: str) -> str:
    """The hue of a row of the bench: its pipeline's, of variants too; grey for peers."""
    name = row.partition(":")[0]
    if name in PEERS:
        return "others"
    return name if name in HUES else "ours"


def shades(stages: list[str]) -> dict[str, float]:
    """Stage -> strength."""
    unknown = [stage for stage in stages if stage not in SHADES]
    turns = {s: OTHER_SHADES[n % len(OTHER_SHADES)] for n, s in enumerate(unknown)}
    return {stage: SHADES.get(stage, turns.get(stage, 0.0)) for stage in stages}
