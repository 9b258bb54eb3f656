"""What fasttricks raises on purpose. The command line turns each into one line and exit code 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """A question with the known name that is nearest, for what follows; "" if none is near."""
    from difflib import get_close_matches

    return "".join(f"did you mean {near}? " for near in get_close_matches(name, known, n=1))


def some_of(names: Sequence[str], most: int) -> str:
    """The first names of a list for a message, and how many more there are."""
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


class FasttricksError(Exception):
    """Base of all errors whose message alone tells the user what to do.

    All of them can be pickled, as happens to what a worker process raises, whatever their
    constructors take: they are built again from the finished message and their attributes.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _as_it_was, (type(self), self.args, self.__dict__)


def _as_it_was(kind: type[FasttricksError], args: tuple[Any, ...], values: dict[str, Any]) -> Any:
    error = kind.__new__(kind)
    super(FasttricksError, error).__init__(*args)  # the constructor of its own wants other words
    error.__dict__.update(values)
    return error


class DataError(FasttricksError):
    """A data set cannot be used as given: missing path, no pictures, damaged container."""


class UnknownNameError(FasttricksError, ValueError):
    """A pipeline, peer or option value that does not exist; the message lists those that do.

    Args:
        kind: what it would be the name of.
        known: all names.
        see: what lists them, where they are too many for a line.
    """

    def __init__(self, kind: str, name: str, known: Sequence[str], see: str = "") -> None:
        listed = see or f"known: {', '.join(known)}"
        super().__init__(f"unknown {kind} {name!r}; {did_you_mean(str(name), known)}{listed}")


class BatchSizeError(FasttricksError, ValueError):
    """Batches of this size cannot be made of this data or mix.

    Attributes:
        fact: what does not fit, for callers that have other names for the settings.
        settings: the arguments of `make_loader` that could be changed.
    """

    def __init__(self, fact: str, remedy: str, settings: tuple[str, ...]) -> None:
        super().__init__(f"{fact}; {remedy}")
        self.fact, self.settings = fact, settings


class MissingExtraError(FasttricksError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str, cause: str = "") -> None:
        why = f" ({cause})" if cause else ""
        super().__init__(
            f"{package} is not available{why}; install it with: pip install 'fasttricks[{extra}]'"
        )


class BadSampleError(FasttricksError):
    """One picture cannot be decoded.

    Attributes:
        index: sample index in the data set.
        name: file path, or "sample <index>" for pictures given as bytes.
        cause: why, in words.
    """

    def __init__(self, index: int, name: str, cause: str) -> None:
        super().__init__(f"sample {index} ({name}): {cause}")
        self.index = index
        self.name = name
        self.cause = cause
