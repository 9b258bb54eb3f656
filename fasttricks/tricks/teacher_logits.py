"""A teacher's logits, computed once per picture and kept in one file.

P2 (arXiv 2001.06268) distils from teachers too large to run in every step: they see each picture
once, un-augmented, at their own size. Where pictures are mixed, so are the teacher's probabilities.

The file is a plain `.npy` [N, K], which NumPy maps into memory; behind the array, where NumPy does
not look, stands JSON that says which data, teacher and size it is of.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from fasttricks.data.samples import Samples
from fasttricks.data.seek.source import names_of
from fasttricks.data.unfinished import unfinished
from fasttricks.errors import DataError
from fasttricks.kernels.mix.targets import Mixed
from fasttricks.tricks.soft_targets import log_probabilities

FORMAT = 1
_MAGIC = b"FTLOGITS"
_ADVICE = "write it again with record_logits"

Rows = tuple[NDArray[np.int64], torch.Tensor]
"""Sample indices int64 [b] and their logits [b, K]."""


@dataclass(frozen=True, kw_only=True)
class About:
    """What a file of logits is of."""

    format: int
    data: str
    """`fingerprint` of the data set."""
    model: str
    """What the teacher is called."""
    size: int
    """Side of the pictures that it saw, pixels."""


class EvaluationLoader(Protocol):
    """A loader over every sample once, in one process: `make_loader(..., train=False)`."""

    dataset: Samples

    def set_epoch(self, epoch: int) -> None: ...
    def indices(self, epoch: int, step: int) -> NDArray[np.int64]: ...
    def __iter__(self) -> Iterator[tuple[torch.Tensor, object]]: ...


def fingerprint(samples: Samples) -> str:
    """What tells a data set from others: the names of its pictures in their order.

    As seek indexes have it, names are relative, so a set may move; pictures in memory are told by
    their bytes. Folds are told by what they were taken from, and which of it they are.
    """
    base = samples.base
    if samples is not base:
        taken = samples.numbers(np.arange(len(samples)))
        return hashlib.sha256(fingerprint(base).encode() + taken.tobytes()).hexdigest()
    if not base.in_memory:
        return names_of(base).digest.hex()
    digest = hashlib.sha256(b"in memory")
    for index in range(len(base)):
        digest.update(hashlib.sha256(base.read(index)).digest())
    return digest.hexdigest()


def record_logits(
    path: str | os.PathLike[str],
    teacher: Callable[[torch.Tensor], torch.Tensor],
    loader: EvaluationLoader,
    *,
    model: str,
    dtype: Literal["float16", "float32"] = "float16",
) -> Path:
    """Run a teacher over a data set and keep its logits.

    Args:
        path: the file to write; one that is there is replaced when the new one is complete.
        teacher: pictures [b, 3, H, W] -> logits [b, K]; an `OnlineTeacher`.
        loader: of *all training* pictures with the evaluation transform, at the teacher's size;
            the logits then serve every subset, fold or repeat of these.
        model: what the teacher is called, for readers of the file.
        dtype: float16 is 2.6 GB for ImageNet.

    Raises:
        DataError: see `write_logits`.
    """
    samples, taken = loader.dataset.base, loader.dataset
    if missing := len(samples) - len(np.unique(taken.numbers(np.arange(len(taken))))):
        raise DataError(
            f"{missing} of {len(samples)} samples are not in {taken!r}: logits are kept of whole "
            "sets; give a loader of its `base`"
        )
    loader.set_epoch(0)
    size = 0

    def batches() -> Iterator[Rows]:
        nonlocal size
        for step, (images, _) in enumerate(loader):
            size = images.shape[-1]
            yield taken.numbers(loader.indices(0, step)), teacher(images)

    def about() -> About:
        return About(format=FORMAT, data=fingerprint(samples), model=model, size=size)

    return write_logits(Path(path), len(samples), batches(), about, dtype)


def write_logits(
    path: Path,
    count: int,
    batches: Iterable[Rows],
    about: Callable[[], About],
    dtype: Literal["float16", "float32"] = "float16",
) -> Path:
    """Write rows in any order; the file appears when all `count` are there, or not at all.

    Args:
        about: called at the end.

    Raises:
        DataError: a sample has no logits, or some that `dtype` cannot hold; the disk is full.
    """
    try:
        with unfinished(path, f"the logits {path}") as work:
            seen = _write_rows(work.file, count, batches, np.dtype(dtype))
            if not seen.all():
                raise DataError(
                    f"{path}: {count - int(seen.sum())} of {count} samples have no logits (the "
                    f"first is {int(seen.argmin())}): use one process, train=False"
                )
            text = json.dumps(asdict(about())).encode()
            work.file.write(text + len(text).to_bytes(8, "little") + _MAGIC)
            work.publish()
    except OSError as error:
        raise DataError(f"cannot write the logits {path}: {error.strerror or error}") from error
    return path


def _write_rows(
    file: BinaryIO, count: int, batches: Iterable[Rows], dtype: np.dtype[np.generic]
) -> NDArray[np.bool_]:
    """Write the array and stop behind it. Returns which rows were given, [count]."""
    seen, start, width = np.zeros(count, bool), 0, 0
    for indices, logits in batches:
        with np.errstate(over="ignore"):  # what does not fit is found and named below
            rows = logits.detach().float().cpu().numpy().astype(dtype)
        if not start:
            width = rows.shape[1] * dtype.itemsize
            header = {"descr": dtype.str, "fortran_order": False, "shape": (count, rows.shape[1])}
            np.lib.format.write_array_header_1_0(file, header)
            start = file.tell()
            _reserve(file, start + count * width)
        good = np.isfinite(rows).all(1)
        if not good.all():
            sample = int(indices[good.argmin()])
            raise DataError(f"a logit of sample {sample} is not finite in {dtype.name}")
        for index, row in zip(indices.tolist(), rows, strict=True):
            file.seek(start + index * width)
            file.write(row.tobytes())
        seen[indices] = True
    file.seek(start + count * width)
    return seen


def _reserve(file: BinaryIO, size: int) -> None:
    """Take the space now, so that a full disk is told before the teacher has worked for hours."""
    file.flush()
    try:
        os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # a file system that cannot
            raise


class TeacherLogits:
    """The logits of a file, by sample index.

    Attributes:
        table: float16 or float32 [N, K]; mapped from the file until `to` copies it.
        about: which data, teacher and size they are of.
        numbers: int64 [M], the rows of a set that was taken from another; None of a whole one.
    """

    def __init__(
        self, table: torch.Tensor, about: About, numbers: torch.Tensor | None = None
    ) -> None:
        self.table = table
        self.about = about
        self.numbers = numbers

    @classmethod
    def open(cls, path: str | os.PathLike[str], samples: Samples) -> TeacherLogits:
        """Open a file for a data set, which may be taken from that of the file.

        Raises:
            DataError: it is missing, damaged, or of other data.
        """
        about, base = _read_about(Path(path)), samples.base
        if about.data != fingerprint(base):
            raise DataError(
                f"{path} has the logits of {about.model} for another data set (other pictures, "
                f"another order, or a pack where this is a folder); {_ADVICE}"
            )
        try:
            # "c": torch warns of arrays it may not write, and what it writes would stay private.
            array = np.load(path, mmap_mode="c")
        except Exception as error:  # what NumPy raises depends on which byte is wrong
            raise DataError(f"{path} is damaged: NumPy cannot map its array; {_ADVICE}") from error
        if array.ndim != 2 or len(array) != len(base):
            raise DataError(
                f"{path} has logits {list(array.shape)} for {len(base)} samples; {_ADVICE}"
            )
        taken = None if samples is base else samples.numbers(np.arange(len(samples)))
        return cls(torch.from_numpy(array), about, None if taken is None else torch.tensor(taken))

    def to(self, device: torch.device | str) -> TeacherLogits:
        """The same with the whole table on a device, where indices of mixed pictures are."""
        numbers = None if self.numbers is None else self.numbers.to(device)
        return TeacherLogits(self.table.to(device), self.about, numbers)

    def logits(self, indices: torch.Tensor) -> torch.Tensor:
        """Rows float32 [..., K] of sample indices int64 [...] of the set that it was opened for.

        Raises:
            ValueError: the indices are on another device than the table.
        """
        if indices.device != self.table.device:
            gigabytes = self.table.nbytes / 1e9
            raise ValueError(
                f"indices are on {indices.device}, the logits on {self.table.device}: copy them "
                f"once with to({str(indices.device)!r}) ({gigabytes:.2g} GB)"
            )
        rows = indices if self.numbers is None else self.numbers[indices]
        return self.table[rows % len(self.table)].float()

    def probabilities(self, which: torch.Tensor | Mixed, temperature: float = 1.0) -> torch.Tensor:
        """The teacher's softmax(logits / temperature), float32 [B, K]; waits for no GPU.

        Args:
            which: sample indices int64 [B]; or the `Mixed` of a loader, whose samples' softmaxes
                (not logits) are mixed by the pictures' shares.
            temperature: as the student's.
        """
        if not isinstance(which, Mixed):
            return log_probabilities(self.logits(which), temperature).exp()
        batch, parts = which.indices.shape
        rows = self.logits(which.indices.reshape(-1))
        each = log_probabilities(rows, temperature).exp().reshape(batch, parts, -1)
        return (each * which.weights[..., None]).sum(1)


def _read_about(path: Path) -> About:
    """What stands behind the array. DataError if that is not ours."""
    try:
        with open(path, "rb") as file, contextlib.suppress(ValueError, TypeError):
            file.seek(max(0, file.seek(0, os.SEEK_END) - 16))
            length, magic = int.from_bytes(file.read(8), "little"), file.read()
            if magic == _MAGIC:
                file.seek(-16 - length, os.SEEK_END)
                about = About(**json.loads(file.read(length)))
                if about.format == FORMAT:
                    return about
    except OSError as error:
        raise DataError(f"cannot read the logits {path}: {error.strerror or error}") from error
    raise DataError(f"{path} has no teacher logits of this version, or not all; {_ADVICE}")
