"""One hue for each pipeline, the same in every chart and told apart by most colour-blind eyes too.

Words beside everything drawn say what it is: nobody has to tell hues apart to read a chart.
"""

from __future__ import annotations

from fasttricks.bench.config import PEERS

HUES = {
    "roi": ("#2c7de5", "#85a9ec"),
    "dali": ("#165218", "#4cdd7e"),
    "torchvision": ("#ba7e37", "#db7c36"),
    "ffcv": ("#6a39a8", "#a76ce2"),
    "resident": ("#b4104d", "#d63f73"),
    "ours": ("#21a1ab", "#56dad7"),
    "others": ("#77797d", "#9b9da0"),
}
"""On a light and on a dark ground. All have a contrast of 3 to it, and the hues a distance of 8 in
OKLab (x 100) for normal, deutan and protan sight: found by a random search with these limits."""

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


def css() -> str:
    """The hues as variables for either ground, and a class `hue-NAME` for each."""
    light, dark = (
        "".join(f"--{name}:{pair[ground]};" for name, pair in HUES.items()) for ground in (0, 1)
    )
    classes = "".join(f".hue-{name}{{--hue:var(--{name})}}" for name in HUES)
    return f":root{{{light}}}\n@media(prefers-color-scheme:dark){{:root{{{dark}}}}}\n{classes}\n"
