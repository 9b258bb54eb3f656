"""The loader protocol: order, sharding, state and errors, the same for every back end.

A back end implements `_run` only: given an epoch's remaining batches of sample indices, it yields
the pictures. Everything that decides *which* samples and *what happens to them* stands here or in
the plan, so no back end can differ in it.
"""

from __future__ import annotations

import os
import weakref
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any, ClassVar, Never, Self, SupportsIndex

import numpy as np
import torch

from fasttricks.data.samples import Samples
from fasttricks.errors import BatchSizeError
from fasttricks.kernels.mix.plan import Mixing, Place
from fasttricks.kernels.mix.targets import Mixed, mixed_targets
from fasttricks.kernels.plan import PLAN_VERSION, epoch_order
from fasttricks.pipelines.iteration import Iteration, Process
from fasttricks.pipelines.job import Batch, Indices, Job, Replaced, empty_batch, own_part
from fasttricks.pipelines.open import open_data
from fasttricks.pipelines.options import Options, epoch_number, integer
from fasttricks.pipelines.state import check_state

Step = tuple[torch.Tensor, torch.Tensor | Mixed]
"""Images and targets."""


class Loader(ABC):
    """Iterate to get `(images, targets)`; see `make_loader` for the settings.

    images: [B, 3, size, size] channels_last, `options.dtype` (uint8 for work="decode"), where
    B = views * batch_size rows are view-major, so `images.chunk(views)` gives the views.
    targets: the data set's targets of the same rows, on the same device; `Mixed` with a mix.

    Once all of an epoch has been given, the next iteration is of the next epoch, also for trainers
    that count to `len(loader)` and never see the iteration end; `set_epoch` chooses one. Leaving a
    loop early is safe; the next iteration starts that epoch again unless `load_state_dict` says
    where. From its first iteration on it belongs to that process: using it in a forked child is a
    RuntimeError.

    Attributes:
        errors: every sample replaced so far, with its cause (`on_error="replace"`).
        stats: counts so far: "samples", "replaced"; those that took the shared PIL path, as they
            are "odd" (good, but not what every back end can decode) or "repaired" (plain, but the
            decoder of roi, resident or ffcv complained); and samples decoded whole because their
            entry in the seek index is "stale" (the file has changed since) or "damaged".
        bytes: that decoded pictures kept in memory take; 0 where none are kept.
        decoder: what decodes JPEG here, where that depends on what is installed; else "".
        compile_seconds: what compiling the back end's own code took; 0 where it has none.
    """

    name: ClassVar[str]
    edge: ClassVar[str]
    """Resize at the crop's rim: "renormalise" (as PIL) or "clamp" (repeat the edge pixel)."""
    clip: ClassVar[str] = "last"
    """Where a filter overshoots: after its "last" pass, or after "each" (as PIL)."""

    bytes: int = 0
    decoder: str = ""
    compile_seconds: float = 0.0

    def __init__(self, samples: Samples, options: Options) -> None:
        self.dataset = samples
        self.options = options
        self.errors: list[Replaced] = []
        self.stats: Counter[str] = Counter()
        self._epoch, self._consumed, self._closed = 0, 0, False
        self._process = Process()
        self._resume = False  # the next iteration begins at `_consumed`
        self._chosen = False  # the next iteration is of `_epoch`, even if nothing is left of it
        self._kept_order: tuple[tuple[int, int], Indices] | None = None
        # Weak, so that leaving a loop early frees the iteration, and with it the work in flight.
        self._active: weakref.ref[Iteration[Step]] | None = None
        self._targets = torch.from_numpy(np.ascontiguousarray(samples.targets))
        if options.drop_last and len(samples) < options.global_batch:
            raise BatchSizeError(
                f"a batch of {options.global_batch} ({options.samples_per_step} samples a step x "
                f"world_size {options.world_size}) is larger than the data set ({len(samples)} "
                "pictures)",
                "use a smaller batch or drop_last=False",
                ("batch_size", "drop_last"),
            )

    @classmethod
    def open(cls, data: str | os.PathLike[str] | Samples, options: Options) -> Self:
        """A loader over `Samples`, or over what `open_data` finds at a path."""
        if isinstance(data, Samples):
            return cls(data, options)
        return cls(open_data(data, train=options.train), options)

    def __repr__(self) -> str:
        o = self.options
        purpose = "train" if o.train else "eval"
        many = f"{len(self.dataset):,} samples"
        return f"{type(self).__name__}({many}, batch {o.batch_size}, {purpose}, {o.device})"

    @property
    def batch_size(self) -> int:
        """Pictures per step, view and rank."""
        return self.options.batch_size

    def __len__(self) -> int:
        """Steps in a whole epoch, the same on all ranks."""
        full, rest = divmod(len(self.dataset), self.options.global_batch)
        return full + (1 if rest and not self.options.drop_last else 0)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration.

        A position loaded for this epoch is kept. If that is its end, the iteration is empty: an
        epoch that was finished before the state was saved is not trained on again.
        """
        number = epoch_number(epoch)
        self._stop("set_epoch was called")
        self._chosen = True
        if number != self._epoch or not self._resume:
            self._epoch, self._consumed, self._resume = number, 0, False

    def state_dict(self) -> dict[str, int]:
        """Where the loader stands: plan version, seed, epoch, samples consumed and of how many.

        A state taken after an epoch's last batch goes on with the next epoch, whether or not the
        iteration had ended by then.
        """
        return {
            "plan_version": PLAN_VERSION,
            "seed": self.options.seed,
            "epoch": self._epoch,
            "consumed": self._consumed,
            "samples": len(self.dataset),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue exactly where `state` was taken, also with another world size or batch size.

        Raises:
            ValueError: the state is of another plan version or data set, or no loader state at all.
        """
        check_state(state, self.state_dict())
        self._stop("a state was loaded")
        self.options = replace(self.options, seed=state["seed"])
        self._epoch, self._consumed = int(state["epoch"]), int(state["consumed"])
        self._resume, self._chosen = True, False

    def indices(self, epoch: int, step: int) -> Indices:
        """Sample indices that this rank is given in a step of a whole epoch, int64 [b].

        Raises:
            ValueError, IndexError: there is no such epoch, or step.
        """
        epoch, number = epoch_number(epoch), integer(step)
        if number is None:
            raise ValueError(f"step must be an integer; got {step!r}")
        if not 0 <= number < len(self):
            raise IndexError(f"step must lie in [0, {len(self)}); got {step}")
        o = self.options
        chosen = self._order(epoch)[number * o.global_batch :][: o.global_batch]
        return own_part(chosen, o.rank, o.world_size)

    def _slices(self, epoch: int, consumed: int) -> list[Indices]:
        """This rank's batches of an epoch from a position on; a last one may be short or empty."""
        o = self.options
        order = self._order(epoch)
        return [
            own_part(order[s : s + o.global_batch], o.rank, o.world_size)
            for s in self._starts(consumed)
        ]

    def _starts(self, consumed: int) -> range:
        """Where in the epoch's order each global batch begins, from a position on."""
        o, count = self.options, len(self.dataset)
        end = count - (count - consumed) % o.global_batch if o.drop_last else count
        return range(consumed, end, o.global_batch)

    def _order(self, epoch: int) -> Indices:
        """The epoch's global order, int64 [N]; the last one is kept, for `indices`."""
        if not self.options.train:
            return np.arange(len(self.dataset))
        if self._kept_order is None or self._kept_order[0] != (self.options.seed, epoch):
            order = epoch_order(np.uint64(self.options.seed), epoch, len(self.dataset))
            self._kept_order = (self.options.seed, epoch), order
        return self._kept_order[1]

    def __iter__(self) -> Iterator[Step]:
        if self._closed:
            raise RuntimeError("this loader is closed")
        self._stop("another iteration of this loader has begun; have a loader for each")
        if not self._starts(self._consumed) and not self._chosen:
            self._epoch, self._consumed = self._epoch + 1, 0
        elif not self._resume:
            self._consumed = 0
        self._resume = self._chosen = False
        self._process.enter()
        iteration = Iteration(self._iterate(), self._process)
        self._active = weakref.ref(iteration)
        return iteration

    def _stop(self, why: str) -> None:
        """Abandon the iteration under way, if there is one. Raises as `Process.check`."""
        self._process.check()
        iteration = self._active() if self._active is not None else None
        if iteration is not None:
            iteration.end(why if self._starts(self._consumed) else "")
        self._active = None

    def _iterate(self) -> Generator[Step]:
        o, epoch, total = self.options, self._epoch, len(self.dataset)
        dtype = torch.uint8 if o.work == "decode" else o.dtype
        batches = self._slices(epoch, self._consumed)
        job = self._job(epoch, batches)
        with closing(self._run(job)) as run:
            for expected in batches:
                batch = next(run) if len(expected) else empty_batch(job, o.device, dtype)
                self._consumed = min(total, self._consumed + o.global_batch)
                self.errors += batch.replaced
                self.stats.update(batch.counts)
                self.stats.update(samples=len(batch.indices), replaced=len(batch.replaced))
                yield batch.images, self._targets_of(batch.indices, batch.mixing)
        self._epoch, self._consumed = epoch + 1, 0

    def _job(self, epoch: int, batches: list[Indices]) -> Job:
        """What a back end is to do for these batches, which begin where the loader stands."""
        o = self.options
        places = []
        for number, batch in enumerate(batches):
            begin = self._consumed + number * o.global_batch
            whole = min(o.global_batch, len(self.dataset) - begin)
            first = begin + o.rank * whole // o.world_size
            if len(batch):
                places.append(Place(o.seed, epoch, first, begin, o.mix_group))
        return Job(
            seed=o.seed,
            epoch=epoch,
            params=o.params_at(epoch),
            batches=[b for b in batches if len(b)],
            mix=o.mix,
            places=places,
            views=o.views,
            ops=o.ops_at(epoch),
        )

    def _targets_of(self, indices: Indices, mixing: Mixing | None) -> torch.Tensor | Mixed:
        rows = torch.from_numpy(np.tile(indices, self.options.views))
        targets = self._targets[rows]
        if mixing is not None:
            return mixed_targets(mixing, targets, rows, self.options.device)
        return targets.to(self.options.device, non_blocking=True)

    @abstractmethod
    def _run(self, job: Job) -> Generator[Batch]:
        """Yield one Batch per entry of `job.batches`, in order.

        Closing the generator early must stop all work in flight. Raises BadSampleError for a bad
        sample when `on_error` is "raise".
        """

    def stages(self, count: int) -> dict[str, float]:
        """Where a picture's time goes: milliseconds of one core by part of the work, over about
        `count` samples made right here; empty where the back end cannot tell."""
        return {}

    def _sampled(self, count: int, bad: Iterable[int] = ()) -> Job:
        """A job of about `count` samples of epoch 0, for `stages`, without the pictures that have
        the numbers `bad` in `dataset.base`: one by one, or in whole steps where some are mixed."""
        order = np.concatenate(self._slices(0, 0))
        order = order[~np.isin(self.dataset.numbers(order), list(bad))]
        each = self.options.samples_per_step if self.options.mix else 1
        return self._job(0, np.split(order, range(each, len(order), each))[: -(-count // each)])

    def close(self) -> None:
        """Stop all work and free what it took; iterating is a RuntimeError from then on."""
        self._stop("the loader was closed")
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.is_here():  # a forked child that ends leaves its parent's loader alone
            self.close()

    def __reduce_ex__(self, _: SupportsIndex) -> Never:
        raise TypeError("a loader cannot be pickled or copied; open one where it is used")
