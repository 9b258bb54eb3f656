"""Scripts of the bench: flags from a dataclass, mistakes as one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import tyro

from fasttricks.errors import FasttricksError

Config = TypeVar("Config")


def run(main: Callable[[Config], object], config: type[Config], description: str | None) -> None:
    """What a module does that is run with `python -m`: exit code 2 where the input is wrong."""
    spec = sys.modules["__main__"].__spec__
    module = spec.name.removesuffix(".__main__") if spec else __name__
    try:
        main(tyro.cli(config, prog=f"python -m {module}", description=description))
    except (FasttricksError, ValueError) as error:
        print(f"fasttricks: error: {error}", file=sys.stderr)
        sys.exit(2)
