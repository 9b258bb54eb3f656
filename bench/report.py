"""Result rows as JSON lines: written, read again, held against each other."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fasttricks.errors import DataError

ResultRow = dict[str, Any]

SAME = ("row", "threads", "device", "batch_size", "size", "work", "dtype", "eval", "cold")
"""What two rows must share to be compared."""


def write(path: Path, rows: Sequence[ResultRow]) -> None:
    """Write one JSON object per line; the file appears complete or not at all.

    Raises:
        DataError: it cannot be written.
    """
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, suffix=".part", delete=False
        ) as file:
            try:
                file.writelines(json.dumps(row) + "\n" for row in rows)
                os.fchmod(file.fileno(), 0o644)
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error


def check_writable(path: Path) -> None:
    """Fail before minutes of measuring rather than after: writes a file there and removes it.

    Raises:
        DataError: there is no such folder, or nothing can be written there.
    """
    try:
        if path.is_dir():  # an OSError for a name that is too long
            raise DataError(f"cannot write {path}: is a folder")
        if not path.parent.is_dir():
            raise DataError(f"cannot write {path}: {path.parent} is not a folder")
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part") as file:
            file.write(b"\0" * 4096)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error


def read(path: Path) -> list[ResultRow]:
    """Rows of a file that `write` wrote.

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
        if not (isinstance(row, dict) and {"row", "images_per_s", *SAME[:6]} <= row.keys()):
            raise DataError(f"{path}, line {number}: not a row of fasttricks bench")
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
