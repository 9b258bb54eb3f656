"""Versions of what takes part, read from the installed files: none of it is imported, which would
take seconds."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from importlib.util import find_spec
from pathlib import Path

from fasttricks.version import __version__

PACKAGES = (
    *("torch", "torchvision", "numba", "numpy", "nvidia-dali-cuda130", "nvidia-dali-cuda120"),
    *("ffcv", "timm", "pillow", "pillow-simd", "opencv-python"),
)
"""Distributions whose versions matter for speed or pixels."""


def versions() -> dict[str, str]:
    """Versions by name, of what is installed; `PIL` says which of its two flavours is in use."""
    found = {"python": platform.python_version(), "fasttricks": __version__}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    found["PIL"] = pil_flavour()
    return found


def pil_flavour() -> str:
    """PIL's name and version; "no PIL" without it.

    Both flavours may be installed one over the other, so the file that is in use tells, and not the
    list of packages. pillow-simd does not tell which instructions it was compiled for.
    """
    spec = find_spec("PIL")
    if spec is None or spec.origin is None:
        return "no PIL"
    text = (Path(spec.origin).parent / "_version.py").read_text()
    told = re.search(r"""^__version__ = ["'](.+)["']""", text, re.MULTILINE)
    version = told[1] if told else "of an unknown version"
    return f"{'pillow-simd' if 'post' in version else 'Pillow'} {version}"


def describe() -> str:
    """The answer to `fasttricks --version`: its own version alone in the first line, for scripts;
    then one line each, and what is not installed."""
    found = versions()
    optional = {"DALI": "nvidia-dali-cuda", "FFCV": "ffcv", "timm": "timm"}
    missing = [
        name
        for name, package in optional.items()
        if not any(one.startswith(package) for one in found)
    ]
    flavour, _, version = found.pop("PIL").partition(" ")
    lines = [f"fasttricks {found.pop('fasttricks')}"]
    lines += [f"  {name} {number}" for name, number in found.items() if "pillow" not in name]
    lines.append(f"  PIL: {flavour} {version}")
    if missing:
        lines.append(f"  not installed: {', '.join(missing)}")
    return "\n".join(lines)
