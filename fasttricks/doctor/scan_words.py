"""What a scan found, in words on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from fasttricks.doctor.decode import decoder_name
from fasttricks.doctor.duplicates import across_classes
from fasttricks.doctor.findings import MISNAMED, ODD, ORIENTATION, STALE, WARNING, Fault
from fasttricks.doctor.scan import Scan
from fasttricks.doctor.seek import State
from fasttricks.doctor.tally import Extreme
from fasttricks.doctor.terminal import field, printable, show_lines

LISTED = 50
"""Broken pictures that are named unless all are asked for."""

_BUILD = "fasttricks index DATA"


def show(scan: Scan, title: str, *, everything: bool = False) -> None:
    """Print a summary, then every broken picture on a line of its own, on stdout.

    Args:
        scan: what was found.
        title: what to call the data set.
        everything: name all that is broken, not the first `LISTED` only.
    """
    show_lines([_head(scan, title), *_summary(scan), *_broken(scan, everything)])


def _head(scan: Scan, title: str) -> Text:
    tally = scan.tally
    rate = tally.looked / max(scan.seconds, 1e-9)
    return Text.assemble(
        (printable(title), "bold"),
        f": {tally.looked:,} pictures, {tally.bytes / 1e6:,.1f} MB; looked at in "
        f"{scan.seconds:,.1f} s ({rate:,.0f} a second, {scan.threads} threads, {decoder_name()})",
    )


def _summary(scan: Scan) -> Iterator[Text]:
    tally, broken = scan.tally, len(scan.tally.broken)
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in tally.kinds.most_common())
    yield field("good", f"{tally.sound:,}: {tally.plain:,} plain, {tally.odd:,} odd", "green")
    yield field("broken", f"{broken:,}" + (f": {kinds}" if kinds else ""), "red" if broken else "")
    for cause, count in tally.causes.most_common(10):
        yield field("", f"{count:,} {printable(cause)}")
    yield from _noted(scan)
    if tally.traits:
        yield field("JPEG", _counts(tally.traits))
    if tally.shortest and tally.longest:
        mean = tally.pixels / tally.sound
        yield field("sides", f"{_side(scan, tally.shortest)} to {_side(scan, tally.longest)}")
        yield field("pixels", f"{tally.pixels / 1e6:,.1f} million, {mean:,.0f} a picture")
    yield from _duplicates(scan)
    yield _seek_index(scan)
    if scan.around:
        yield field("container", f"damaged or missing files: {len(scan.around):,}", "red")


def _noted(scan: Scan) -> Iterator[Text]:
    tally = scan.tally
    labels = {kind: {k: len(v) for k, v in found.items()} for kind, found in tally.noted.items()}
    if ODD in labels:
        yield field("odd, but good", _counts(labels[ODD]))
    if WARNING in labels:
        told = f"{_counts(labels[WARNING])}; PIL decodes them, what it makes of them may be wrong"
        yield field("doubtful", told, "yellow")
    if MISNAMED in labels:
        yield field("misnamed", f"{_counts(labels[MISNAMED])}; the content counts")
    if ORIENTATION in labels:
        count, turns = tally.count_noted(ORIENTATION), _counts(labels[ORIENTATION])
        told = f"{count:,} have an orientation other than 1 ({turns}); fasttricks ignores it"
        yield field("EXIF", f"{told}, as PIL and torchvision do by default", "yellow")


def _duplicates(scan: Scan) -> Iterator[Text]:
    """How many, and the first few groups."""
    groups = extra = mislabelled = 0
    first: list[NDArray[np.int64]] = []
    for group in scan.tally.digests.groups():
        groups, extra = groups + 1, extra + len(group) - 1
        if across_classes(group, scan.samples.targets):
            mislabelled += 1
            if len(first) < 3:
                first.append(group)
    if groups:
        told = f"repeat another picture byte for byte: {extra:,}; groups of such: {groups:,}"
        yield field("duplicates", f"{told}, across classes: {mislabelled:,}", "yellow")
    for group in first:
        yield field("", " = ".join(_name(scan, int(index)) for index in islice(group, 4)))


def _seek_index(scan: Scan) -> Text:
    found, stale = scan.found, scan.tally.count_noted(STALE)
    if found.state == State.NONE:
        return field("seek index", f"none; loaders make one when first used, or: {_BUILD}")
    if found.index is None:
        style = "red" if found.state == State.DAMAGED else "yellow"
        return field("seek index", printable(found.cause), style)
    told = f"{printable(str(found.path))}: {len(found.index):,} entries, {stale:,} stale"
    if stale:
        told += f" (their files changed; they are decoded whole; {_BUILD} --refresh)"
    return field("seek index", told, "yellow" if stale else "")


def _broken(scan: Scan, everything: bool) -> Iterator[Text]:
    for name, cause in scan.around:
        named = "" if name in cause else f"{printable(name)}: "
        yield Text.assemble((named, "red"), printable(cause))
    broken = scan.tally.broken
    shown = None if everything else LISTED
    for index, faults in islice(broken.items(), shown):
        yield Text.assemble((_name(scan, index), "red"), f" (sample {index}): {causes(faults)}")
    if shown is not None and len(broken) > shown:
        yield Text(f"and {len(broken) - shown:,} more; name them with --all, or --json FILE")


def causes(faults: tuple[Fault, ...]) -> str:
    """All that is wrong with a picture, on one line."""
    return "; ".join(printable(fault.cause) for fault in faults)


def _counts(found: Mapping[str, int]) -> str:
    most = sorted(found.items(), key=lambda item: -item[1])
    return ", ".join(f"{count:,} {printable(label)}" for label, count in most)


def _side(scan: Scan, extreme: Extreme) -> str:
    return f"{extreme.side:,} ({_name(scan, extreme.number)})"


def _name(scan: Scan, index: int) -> str:
    return printable(scan.samples.name(index))
