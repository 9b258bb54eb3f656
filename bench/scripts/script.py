"""The training scripts of torchvision and timm: where they lie, and which version that is."""

from __future__ import annotations

import hashlib
import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fasttricks.errors import UnknownNameError

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


def find_scripts(text: str) -> list[Script]:
    """The scripts that `--scripts` names.

    Args:
        text: "torchvision=FOLDER,timm=FOLDER": clones of pytorch/vision and
            huggingface/pytorch-image-models; one of them or both.

    Raises:
        ValueError: a word is no NAME=FOLDER, a name comes twice, or a folder has no such script.
        UnknownNameError: another name.
    """
    folders = named_folders(text)
    return [Script(name, _find(name, folder.expanduser())) for name, folder in folders.items()]


def named_folders(text: str) -> dict[str, Path]:
    """The folders that `--scripts` names, whether they are there or not; see `find_scripts`."""
    folders: dict[str, Path] = {}
    for word in filter(None, (word.strip() for word in text.split(","))):
        name, equals, folder = word.partition("=")
        if not equals or not folder:
            raise ValueError(f"--scripts takes NAME=FOLDER, such as timm=../timm; got {word!r}")
        if name not in PLACES:
            raise UnknownNameError("script", name, list(PLACES))
        if name in folders:
            raise ValueError(f"--scripts names {name} twice")
        folders[name] = Path(folder)
    return folders


def _find(name: str, folder: Path) -> Path:
    """The absolute path of a script."""
    for place in PLACES[name]:
        file = folder / place / "train.py"
        if file.is_file() and (file.parent / BESIDE[name]).is_file():
            return file.resolve()
    wanted = Path(PLACES[name][0], "train.py")
    raise ValueError(
        f"--scripts {name}={folder}: expected {wanted} with {BESIDE[name]} beside it there, as in "
        f"a clone of {name}'s repository"
    )


def _commit(file: Path) -> str:
    """The commit of the repository that tracks a file; "" where none does."""
    if not _git(file.parent, "ls-files", file.name):
        return ""
    changed = _git(file.parent, "status", "--porcelain", "--untracked-files=no")
    return _git(file.parent, "rev-parse", "HEAD") + ("+dirty" if changed else "")


def _git(folder: Path, *words: str) -> str:
    command = ("git", "-C", str(folder), *words)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
