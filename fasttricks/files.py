"""Files that are results: they can be written, and appear complete or not at all."""

from __future__ import annotations

import contextlib
import json
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fasttricks.errors import DataError


def check_writable(path: Path) -> None:
    """Fail before minutes of work rather than after: writes a file there and removes it.

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


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write to the path given; it gets the name `path` when the block ends without an error.

    What had that name stays as it is until then. The path given lies beside it and has its ending,
    for writers that go by that.

    Raises:
        DataError: in place of an OSError in the block, or of one in making or renaming the file.
    """
    part: Path | None = None
    try:
        new = path.with_name(f".{secrets.token_hex(8)}.part{path.suffix}")
        new.touch(exist_ok=False)  # for those to read whom the umask lets, as tempfile's are not
        part = new
        yield part
        part.replace(path)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def write_json(path: Path, document: object) -> None:
    """Write one JSON document, indented.

    Raises:
        DataError: it cannot be written.
    """
    with replacing(path) as part, part.open("w") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
