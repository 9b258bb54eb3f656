"""How many steps a trainer has done, from a line of its log."""

from __future__ import annotations

import json
import re

_TORCHVISION = re.compile(r"Epoch: \[(\d+)\]\s+\[\s*(\d+)/(\d+)\]")
_TIMM = re.compile(r"Train: (\d+) \[\s*(\d+)/(\d+)\b")


def steps_ours(line: str) -> int | None:
    """Of a line of log.jsonl: an object with "kind": "step" and "step", how many are done."""
    if '"step"' not in line:
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return int(entry["step"]) if entry.get("kind") == "step" else None


def steps_torchvision(line: str) -> int | None:
    """Of what torchvision's script prints: after step 10 of epoch 1, counted from 0,
    `Epoch: [1]  [ 10/100]`."""
    return _of_epochs(_TORCHVISION.search(line))


def steps_timm(line: str) -> int | None:
    """Of what timm's script logs, which counts from 0, too: `Train: 1 [  10/100`."""
    return _of_epochs(_TIMM.search(line))


def _of_epochs(found: re.Match[str] | None) -> int | None:
    """(epoch, step, steps of an epoch), both counted from 0, as steps done."""
    if found is None:
        return None
    epoch, step, steps = map(int, found.groups())
    return epoch * steps + step + 1
