"""Result rows as JSON lines: written, read again, held against each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import Any

from rich.console import Console

from fasttricks.errors import DataError
from fasttricks.files import replacing

ResultRow = dict[str, Any]

SAME = ("row", "threads", "device", "batch_size", "size", "work", "dtype", "eval", "cold")
"""What two rows must share to be compared."""
PIPELINE_KEYS = frozenset({"row", "images_per_s", *SAME[:6]})
"""What a row of a bench of pipelines has, also an old one."""


def finish(
    rows: Sequence[ResultRow],
    path: Path | None,
    show: Callable[[Sequence[ResultRow], Console], object],
) -> None:
    """Write what was measured, if there is a path, then show it.

    Hours may have gone into it: neither does a reader of the table that has left (`| head`) cost
    the file, nor a full disk the table.

    Raises:
        DataError: it cannot be written; it has been shown.
    """
    try:
        if path:
            write(path, rows)
    finally:
        show(rows, Console())


def write(path: Path, rows: Sequence[ResultRow]) -> None:
    """Write one JSON object per line; the file appears complete or not at all.

    Raises:
        DataError: it cannot be written.
    """
    with replacing(path) as part, part.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def read(path: Path, keys: Set[str] = PIPELINE_KEYS) -> list[ResultRow]:
    """Rows of a file that `write` wrote.

    Args:
        keys: what each row must have.

    Raises:
        DataError: it does not exist or is no such file.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: not JSON ({error})") from error
        if not (isinstance(row, dict) and keys <= row.keys()):
            raise DataError(f"{path}, line {number}: not a row of such a fasttricks bench")
        rows.append(row)
    if not rows:
        raise DataError(f"{path} holds no rows")
    return rows


def paired(
    now: Sequence[ResultRow], then: Sequence[ResultRow]
) -> list[tuple[ResultRow, ResultRow]]:
    """(row now, row then) for all rows now that have their like in `then`."""
    known = {_identity(row): row for row in then}
    return [(row, known[_identity(row)]) for row in now if _identity(row) in known]


def _identity(row: ResultRow) -> tuple[Any, ...]:
    return tuple(row.get(key, False) for key in SAME)
