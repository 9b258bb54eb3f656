"""What `fasttricks bench` and its scripts wrote, read as runs."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from fasttricks.bench.report import ResultRow
from fasttricks.errors import DataError
from fasttricks.report.schema import SIGNATURES, completed, lacking
from fasttricks.version import __version__

OWN_SIGNS = ({"mode"}, {"row"}, {"machine", "versions"})
"""An object with all keys of one of these is a result of ours, if of a mode not known here."""
SAME_RUN = ("date", "commit", "command", "mode")


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one command measured."""

    path: Path
    mode: str
    """A key of `fasttricks.report.schema.SCHEMAS`; or, for what is only shown as a table, what the
    file calls it."""
    rows: Sequence[ResultRow]

    @property
    def about(self) -> ResultRow:
        """The row that tells of machine, versions, date, commit and command, as all do."""
        return self.rows[0]


def read_runs(paths: Sequence[Path]) -> list[Run]:
    """The runs of all files, in their order.

    Raises:
        DataError: a file cannot be read, is no result, or one of another version; with its name.
    """
    return [run for path in paths for run in _read_file(path)]


def _read_file(path: Path) -> list[Run]:
    try:
        text = path.read_text(encoding="utf-8")
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder: name the files in it") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not JSON: it holds bytes that are no text") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    objects = _objects(path, text)
    if not objects:
        raise DataError(f"{path} holds no results")
    found = [(_checked(path, place, item), item) for place, item in objects]
    runs = itertools.groupby(found, lambda pair: (pair[0], *map(pair[1].get, SAME_RUN)))
    return [
        Run(path=path, mode=key[0], rows=[completed(key[0], item) for _, item in same])
        for key, same in runs
    ]


def _objects(path: Path, text: str) -> list[tuple[str, Any]]:
    """(where it stands, value) for a file of JSON lines, or of one document over several lines."""
    try:
        return [(str(path), _parsed(text))]
    except ValueError:
        lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    values = []
    for number, line in lines:
        try:
            values.append((f"{path}, line {number}", _parsed(line)))
        except ValueError as error:
            raise DataError(f"{path}, line {number}: not JSON ({error})") from error
    return values


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _checked(path: Path, place: str, item: Any) -> str:
    """The mode of one result. DataError if it is none, or one that this version cannot show."""
    if not isinstance(item, dict) or not any(signs <= item.keys() for signs in OWN_SIGNS):
        raise DataError(f"{place}: not a result of fasttricks bench")
    for mode, signature in SIGNATURES.items():
        if signature <= item.keys():
            if wrong := lacking(mode, item):
                raise DataError(f"{place}: {wrong}; {_versions(item)}: measure again with it")
            return mode
    return str(item.get("mode", "other"))


def _versions(item: ResultRow) -> str:
    found = item.get("versions")
    then = found.get("fasttricks") if isinstance(found, dict) else None
    return f"written by fasttricks {then or 'of an unknown version'}, this is {__version__}"
