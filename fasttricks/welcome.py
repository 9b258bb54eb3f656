"""What `fasttricks` says of itself: every command, by an example that can be typed, or in words."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping

from fasttricks.version import __version__

Example = tuple[str, str]
"""What it does, in a few words, and its arguments."""

EXAMPLES: dict[str, tuple[Example, ...]] = {
    "Without data of your own; pictures like ImageNet's are made:": (
        ("what would help", "doctor"),
        ("speed of pipelines", "bench --pipeline roi,torchvision"),
        ("see augmentation", "show --mix cutmix --out show.png"),
        ("size and cost", "models --name resnet50d"),
        ("what a trick is", "tricks mixup"),
        ("what to train", "recipes"),
    ),
    "With DATA, a folder of class folders, or with train and val inside:": (
        ("what would help", "doctor DATA"),
        ("index its JPEGs", "index DATA"),
        ("into tar shards", "pack DATA PACK"),
        ("train on the CPU", "train cpu-small --data DATA"),
        ("top-1 and top-5", "eval runs/cpu-small --data DATA"),
        ("logits to distil", "teacher runs/cpu-small --data DATA --out t.npy"),
        ("trick by trick", "ablate --ladder assemble --data DATA --out OUT"),
    ),
    "Besides:": (
        ("results as a page", "report results.json"),
        ("complete by Tab", "completion bash"),
    ),
}


def commands() -> list[str]:
    """Names of all commands, sorted."""
    return sorted({line.split()[0] for examples in EXAMPLES.values() for _, line in examples})


def example_of(command: str) -> str:
    """The last example of a command, as it is typed; "" where there is none."""
    lines = [line for examples in EXAMPLES.values() for _, line in examples]
    return next((f"fasttricks {line}" for line in lines[::-1] if line.split()[0] == command), "")


def welcome() -> str:
    """Every command with an example; a screen."""
    width = max(len(what) for examples in EXAMPLES.values() for what, _ in examples)
    lines = [f"fasttricks {__version__}: the fastest honest input path for image classification"]
    for title, examples in EXAMPLES.items():
        lines += ["", title]
        lines += [f"  {what:<{width}}  fasttricks {line}" for what, line in examples]
    lines += ["", "fasttricks COMMAND --help has all flags; fasttricks --version all versions."]
    return "\n".join(lines)


def overview(descriptions: Mapping[str, str]) -> str:
    """What each command is for, as wide as the terminal.

    Args:
        descriptions: by name; their first paragraphs are shown.
    """
    width = min(100, shutil.get_terminal_size().columns)
    indent = max(map(len, descriptions)) + 4
    lines = [
        "usage: fasttricks COMMAND ...",
        "",
        f"fasttricks {__version__}: the fastest honest input path for image classification",
        "",
    ]
    for name, text in descriptions.items():
        words = " ".join(text.strip().split("\n\n")[0].split())
        begin = f"  {name}".ljust(indent)
        lines.append(
            textwrap.fill(words, width, initial_indent=begin, subsequent_indent=" " * indent)
        )
    lines += ["", "fasttricks COMMAND --help has all flags; without arguments: examples."]
    return "\n".join([*lines, "fasttricks --version has the versions of all that takes part."])
