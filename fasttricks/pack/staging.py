"""The folder in which a pack is made before it takes its place.

Beside DST stands `.DST.part`: in it `pack`, which is renamed to DST at the end, `journal`, which
knows what is finished, and `identity.json`, what it is made of and with. When a run ends early the
folder stays, if it holds a finished shard, and the next run of the same source and settings goes on
there. One process at a time works in it.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fasttricks.data.pack_index import INDEX_NAME, MANIFEST_NAME, SEEK_NAME
from fasttricks.data.unfinished import unfinished
from fasttricks.errors import DataError

PARTS = ("train", "val")
"""The folders in the pack of a divided source."""

_SHARD = re.compile(r"shard-\d{6,}\.tar")
_OWN = {INDEX_NAME, SEEK_NAME, MANIFEST_NAME}


class Staging:
    """A pack being made."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.folder = target.with_name(f".{target.name}.part")
        self.pack = self.folder / "pack"
        self.journal = self.folder / "journal"
        self._identity = self.folder / "identity.json"
        self._replaced = self.folder / "replaced"

    def prepare(self, identity: dict[str, Any]) -> None:
        """Keep what an earlier run of this identity has finished, and remove that of any other."""
        if self._replaced.exists() and not self.target.exists():
            self._replaced.rename(self.target)  # killed between the two renames of `publish`
        if self.folder.exists() and (why := self._difference(identity)):
            if self.has_finished_shards():
                print(f"fasttricks: {why}: packing {self.target} again", file=sys.stderr)
            shutil.rmtree(self.folder)
        self.pack.mkdir(parents=True, exist_ok=True)
        self._identity.write_text(json.dumps(identity))

    def _difference(self, identity: dict[str, Any]) -> str:
        """What is not as it was in the run that left the folder; "" if everything is."""
        try:
            before = json.loads(self._identity.read_bytes())
        except (OSError, ValueError):
            return "what an earlier run has left is not complete"
        changed = [name for name in identity if before.get(name) != identity[name]]
        return f"the {' and '.join(changed)} changed since the earlier run" if changed else ""

    def has_finished_shards(self) -> bool:
        """Whether there is something to go on from."""
        return any(self.journal.rglob("*.json"))

    def publish(self) -> None:
        """Put the pack in its place. An older one there goes."""
        if self.target.exists():
            shutil.rmtree(self._replaced, ignore_errors=True)
            self.target.rename(self._replaced)
        try:
            self.pack.rename(self.target)
        except OSError:
            if self._replaced.exists():
                self._replaced.rename(self.target)
            raise
        shutil.rmtree(self.folder, ignore_errors=True)

    def give_up(self) -> str:
        """Remove what is of no use to the next run; what to tell the user of the rest."""
        if self.has_finished_shards():
            return f"; the finished shards are kept in {self.folder}, and the same call goes on"
        if not self._replaced.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
        return ""


@contextlib.contextmanager
def staging(target: Path, identity: dict[str, Any]) -> Iterator[Staging]:
    """A place to make the pack `target` in, for one process at a time; others wait.

    Args:
        target: where it shall stand. An older pack there may be replaced, and nothing else.
        identity: what it is made of and with, as JSON can hold it; the names are for people.

    Raises:
        DataError: `target` is something else than a pack, or it cannot be written.
        KeyboardInterrupt: as it came, with a message where something is kept.
    """
    check_replaceable(target)
    place = Staging(target)
    try:
        with unfinished(target.with_name(f"{target.name}.lock"), f"the pack {target}"):
            place.prepare(identity)
            check_replaceable(target)
            with _telling_what_is_kept(place):
                yield place
    except OSError as error:
        raise DataError(f"cannot write {target}: {error.strerror or error}") from error


@contextlib.contextmanager
def _telling_what_is_kept(place: Staging) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = f"cannot write {place.target}: {error.strerror or error}"
        raise DataError(why + place.give_up()) from error
    except DataError as error:
        raise DataError(str(error) + place.give_up()) from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(place.give_up()) from None
    except BaseException:
        place.give_up()
        raise


def check_replaceable(target: Path) -> None:
    """Raise DataError if something stands at `target` that packing may not remove."""
    if not target.exists():
        return
    if not target.is_dir():
        raise DataError(f"{target} is a file; a pack of tar shards is a folder (or give a .beton)")
    if foreign := _foreign(target):
        raise DataError(
            f"{target} exists and is no pack of fasttricks pack ({foreign}): "
            "it is not replaced; remove it or choose another place"
        )


def _foreign(folder: Path) -> str:
    """What shows that a folder is not a pack that was made here; "" if it is one."""
    names = {entry.name for entry in folder.iterdir()}
    parts = names.intersection(PARTS)
    if parts:
        foreign = [_foreign(folder / part) for part in sorted(parts)]
        others = names - parts
    else:
        foreign = [] if MANIFEST_NAME in names else [f"it holds no {MANIFEST_NAME}"]
        others = {name for name in names - _OWN if not _SHARD.fullmatch(name)}
    foreign += [f"it holds {min(others)}"] if others else []
    return next(filter(None, foreign), "")
