"""The training scripts of torchvision and timm: where they lie, and which version that is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fasttricks.bench.machine import output

PLACES = {"torchvision": ("references/classification", "."), "timm": (".",)}
"""Where in the folder that a user names train.py may lie."""
BESIDE = {"torchvision": "presets.py", "timm": "timm/version.py"}
"""What each train.py imports from its own folder, and no other project's has."""


@dataclass(frozen=True)
class Script:
    """A training script on this machine."""

    name: str
    """torchvision or timm."""
    file: Path

    @cached_property
    def text(self) -> str:
        """The script's source."""
        return self.file.read_text(errors="replace")

    def has(self, flag: str) -> bool:
        """Whether the script has a flag, which forks and versions differ in."""
        return f'"{flag}"' in self.text or f"'{flag}'" in self.text

    @property
    def version(self) -> str:
        """Of the package beside the script, which it imports before any that is installed; ""
        where there is none."""
        if self.name != "timm":
            return ""
        text = (self.file.parent / BESIDE["timm"]).read_text(errors="replace")
        found = re.search(r"__version__\s*=\s*[\"'](.+?)[\"']", text)
        return found[1] if found else ""

    def identity(self) -> dict[str, str]:
        """What the results name it by: file, version, commit if git knows the file, and digest."""
        return {
            "file": str(self.file),
            "version": self.version,
            "commit": _commit(self.file),
            "sha256": hashlib.sha256(self.file.read_bytes()).hexdigest(),
        }


def find_scripts(folders: Mapping[str, Path | None]) -> list[Script]:
    """The scripts in clones of pytorch/vision and huggingface/pytorch-image-models.

    Args:
        folders: by a name of PLACES; None for one that is not asked for.

    Raises:
        ValueError: a folder has no such script.
    """
    return [
        Script(name, _find(name, folder.expanduser())) for name, folder in folders.items() if folder
    ]


def _find(name: str, folder: Path) -> Path:
    """The absolute path of a script."""
    for place in PLACES[name]:
        file = folder / place / "train.py"
        if file.is_file() and (file.parent / BESIDE[name]).is_file():
            return file.resolve()
    wanted = Path(PLACES[name][0], "train.py")
    raise ValueError(
        f"--{name} {folder}: expected {wanted} with {BESIDE[name]} beside it there, as in "
        f"a clone of {name}'s repository"
    )


def _commit(file: Path) -> str:
    """The commit of the repository that tracks a file; "" where none does."""
    git = ("git", "-C", str(file.parent))
    if not output(*git, "ls-files", file.name):
        return ""
    changed = output(*git, "status", "--porcelain", "--untracked-files=no")
    return (output(*git, "rev-parse", "HEAD") or "") + ("+dirty" if changed else "")
