"""Settings of a recipe changed by words, for commands that make their recipe themselves."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

import tyro

from fasttricks.parse import sentences, told_by_tyro
from fasttricks.train.config import Recipe


def with_settings(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """A recipe with some of its settings changed.

    Args:
        settings: each a flag of `fasttricks train` without its dashes, and a value:
            "optim.lr=0.4", "data.progressive=96 128", "compile=True", "model.options=width 0.25".

    Raises:
        ValueError: one has no "=".
        FasttricksError: no such setting, or not a value for it.
    """
    arguments = []
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not name or not equals:
            raise ValueError(f"--set takes NAME=VALUE, such as optim.lr=0.4; got {setting!r}")
        arguments += [f"--{name}", *shlex.split(value)]
    with told_by_tyro(_one_line, arguments):
        return tyro.cli(
            Recipe,
            args=arguments,
            default=recipe,
            prog="--set",
            add_help=False,
            config=(tyro.conf.FlagConversionOff,),
        )


def _one_line(framed: str) -> str:
    """A mistake as tyro tells it, with names as --set has them."""
    said = "; ".join(sentences(framed))
    return f"--set: {re.sub('--(?=[a-z])', '', said)}; see fasttricks train RECIPE --help"
