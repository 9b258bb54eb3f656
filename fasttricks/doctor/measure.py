"""A brief measurement: each pipeline for two seconds, on some of the pictures, one after the other.

The bench's machinery with one round: a row is a child process, started, warmed up, timed, ended. So
a pipeline that crashes, hangs or compiles for minutes costs no more than the time it was given. The
pictures are those that were just looked into, so they come from memory: what the disk can do was
measured before. They are linked into a folder of their own, which goes away with all made of it.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from fasttricks.bench.config import BenchConfig
from fasttricks.bench.contender import Contender, RowFailedError
from fasttricks.bench.files import PictureFiles
from fasttricks.bench.process import Guard
from fasttricks.bench.progress import Teller
from fasttricks.bench.rows import plan_rows, settings_of
from fasttricks.data.folder import scan_folder
from fasttricks.data.samples import Samples
from fasttricks.data.seek.build import index_path
from fasttricks.doctor.choice import keeps_in
from fasttricks.doctor.facts import Facts, Rate
from fasttricks.errors import FasttricksError
from fasttricks.pipelines.beton.file import Beton
from fasttricks.pipelines.beton.pack import pack

ORDER = ("roi", "resident", "dali", "torchvision", "ffcv")
"""What matters most comes first, for time may run out: FFCV alone may compile for all of it."""
BATCH = 64
TIMED_S = 2.0
WARM_UP_S = 0.5
FAREWELL_S = 5.0
"""How long a pipeline may take to close its loader, which removes what it keeps in memory."""
LEAST_S = 5.0
"""With less time left than that no pipeline is started."""
LEAST_PICTURES = 8

Measured = tuple[tuple[Rate, ...], dict[str, str]]
"""Rates, and why which pipelines have none."""


def measure(facts: Facts, samples: Samples, good: Sequence[int], *, budget_s: float) -> Measured:
    """Measure the pipelines that can be used here; shows on a terminal's stderr what it does.

    Args:
        facts: of machine and data; with `processes` GPUs each row gets the threads of one process.
        samples: the data set.
        good: pictures that can be decoded.
        budget_s: what all may take together, seconds.
    """
    if len(good) < LEAST_PICTURES:
        return (), dict.fromkeys(ORDER, f"only {len(good)} pictures to measure on")
    deadline = time.monotonic() + budget_s
    rates: list[Rate] = []
    left_out: dict[str, str] = {}
    with _sample(facts, samples, good) as (files, beton), Teller() as teller, Guard() as guard:
        names = _names(facts, left_out)
        teller.expect(len(names))
        for name in names:
            if (left := deadline - time.monotonic()) < LEAST_S:
                left_out[name] = f"the {budget_s:.0f} seconds for measuring were over"
                continue
            teller.doing(f"measuring {name}")
            try:
                rates.append(_rate(name, facts, files, beton, guard, left))
            except (FasttricksError, OSError) as error:
                left_out[name] = str(error)
            teller.step()
    return tuple(rates), left_out


def _names(facts: Facts, left_out: dict[str, str]) -> list[str]:
    """Pipelines to measure, in order."""
    names = []
    for name in ORDER:
        assert facts.data is not None, "without data there is nothing to measure on"
        if why := facts.machine.lacks(name):
            left_out[name] = why
        elif facts.data.kind == "beton" and name != "ffcv":
            left_out[name] = "reads no .beton"
        elif name == "resident" and not keeps_in(facts):
            left_out[name] = "the decoded pictures do not fit in memory"
        else:
            names.append(name)
    return names


def _rate(
    name: str, facts: Facts, files: PictureFiles, beton: Path, guard: Guard, left: float
) -> Rate:
    """Start a pipeline, time it, end it.

    Raises:
        RowFailedError: it did not work, or was not ready in time.
    """
    machine = facts.machine
    device = keeps_in(facts) if name == "resident" else machine.device
    threads, batch = machine.threads, min(BATCH, files.count)
    config = BenchConfig(
        pipeline=name,
        data=files.root,
        batch_size=batch,
        device="cuda" if device == "cuda" else "cpu",
        threads=str(threads),
    )
    (row,), _ = plan_rows(config, files)
    if row.pack and not beton.exists():
        pack(scan_folder(files.root), beton, mode="source", progress=False)
    began = time.monotonic()
    settings = settings_of(row, config, files, str(beton) if row.pack else "")
    contender = Contender(row, settings, WARM_UP_S, guard, patience_s=left)
    try:
        contender.start()
        timed = contender.round(TIMED_S, limit=0)
    except RowFailedError as error:
        if time.monotonic() - began >= left:
            raise FasttricksError(f"it was not ready within {left:.0f} s") from error
        raise
    finally:
        contender.close(FAREWELL_S)
    return Rate(
        pipeline=name,
        images_per_s=timed.rate,
        cpu_s_per_1000=1000 * timed.cpu_s / timed.images,
        threads=threads,
        device=device,
    )


@contextlib.contextmanager
def _sample(
    facts: Facts, samples: Samples, good: Sequence[int]
) -> Iterator[tuple[PictureFiles, Path]]:
    """The pictures in one class folder of their own, and where a .beton of them is or belongs."""
    assert facts.data is not None, "there are pictures"
    with tempfile.TemporaryDirectory(prefix="fasttricks-doctor-") as scratch:
        root = Path(scratch, "sample")
        folder = root / "pictures"
        folder.mkdir(parents=True)
        for index in good:
            target, path = folder / f"{index:09d}.jpg", samples.path(index)  # the content counts
            if path is None:
                target.write_bytes(samples.read(index))
            else:
                target.symlink_to(path.absolute())
        own = Path(scratch, "sample.beton")
        given = Path(facts.data.name).expanduser().absolute()
        linked = scan_folder(root)
        paths = tuple(linked.name(number) for number in range(len(linked)))
        files = PictureFiles(root=root, label="a sample", count=len(linked), paths=paths)
        try:
            yield files, given if facts.data.kind == "beton" else own
        finally:
            # Their seek indexes are in the user's cache folder.
            for made in (linked, *([Beton(own)] if own.exists() else [])):
                index_path(made).unlink(missing_ok=True)
