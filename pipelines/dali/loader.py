"""NVIDIA DALI, told by the plan what to do: it decodes the crop only and draws nothing itself.

Threads of ours read and probe files ahead of DALI; DALI's threads decode, resize and mirror.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from time import process_time

import numpy as np
import torch

from fasttricks.data.pixels import ppm
from fasttricks.data.read_ahead import read_ahead
from fasttricks.data.samples import Samples
from fasttricks.pipelines.cutter import Cutter
from fasttricks.pipelines.dali.graph import Encoded, Feed, Graph, GraphError, Region, Spec, regions
from fasttricks.pipelines.fetch import Fetched, Fetcher
from fasttricks.pipelines.finishing import finish_rows, plan_rows
from fasttricks.pipelines.job import Batch, Indices, Job
from fasttricks.pipelines.loader import Loader
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.recycle import Recycler
from fasttricks.pipelines.transfer import Transfer

READERS = 4  # threads that read; they mostly wait for the disk
AHEAD = 256  # files, at least, that are read ahead of DALI
BATCHES_KEPT = 4  # finished batches whose memory is used again


class DaliLoader(Loader):
    """DALI on the CPU, or with nvJPEG on the GPU.

    Training pictures are cut out while they are decoded; evaluation decodes what the centre window
    needs. Mirroring costs nothing: the resize runs backwards. DALI's memory is handed over, not
    copied: on a GPU a batch belongs to the stream that is current when it is handed over. Code
    that reads it on another stream must hold a reference until it is done; `Tensor.record_stream`
    does nothing for it.

    finish="graph" ends in DALI's own `coord_transform` (and `cast`), "fused" at uint8, with
    `finish_rows` behind it. Left to choose, it is fused on the CPU, where that was the faster one,
    and in the graph on a GPU where DALI can do all of it: there neither has been measured.
    """

    name = "dali"
    edge = "clamp"

    def __init__(self, samples: Samples, options: Options) -> None:
        super().__init__(samples, options)
        self._fetch = Fetcher(samples, options.on_error)
        self._cutter = Cutter(samples, options.index)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="fasttricks-read")
        self._spec = Spec(
            rows=options.views * options.samples_per_step,
            num_threads=options.num_threads,
            device=_indexed(options.device),
            finish=_dtype_in_graph(options),
            interpolation=options.augment.interpolation,
        )
        self._recycler = Recycler(BATCHES_KEPT)
        self._transfer = Transfer(self._spec.device)
        self._graph: Graph | None = None

    def _run(self, job: Job) -> Generator[Batch]:
        done = 0
        while done < len(job.batches):
            if self._graph is None or not self._graph.usable:
                self._graph = Graph(self._spec)
            feeds = self._feeds(job, done)
            try:
                with closing(feeds), closing(self._graph.run(feeds)) as run:
                    for feed, pixels in run:
                        done += 1
                        yield self._batch(job, done - 1, feed, pixels)
            except GraphError as error:
                self._blame(error)  # then go on with a new graph at the batch that failed

    def _feeds(self, job: Job, first: int) -> Generator[Feed]:
        """The batches of a job from step `first` on, read ahead."""
        depth = max(READERS, -(-AHEAD // self.options.batch_size))
        return read_ahead(self._readers, lambda b: self._feed(job, b), job.batches[first:], depth)

    def _feed(self, job: Job, indices: Indices) -> Feed:
        """Read and plan one batch; runs in the reading threads."""
        fetched = [self._fetch(int(index), job.epoch) for index in indices]
        shown = np.array([f.index for f in fetched], np.int64)
        sides = [f.probe.height for f in fetched], [f.probe.width for f in fetched]
        planned = plan_rows(job, shown, *sides)
        region = regions(planned.geometry, job.params.size)
        encoded = self._encoded(fetched, region)
        return Feed(
            encoded=encoded,
            region=region,
            planned=planned,
            indices=shown,
            replaced=[f.replaced for f in fetched if f.replaced],
            counts=self._cutter.counts(fetched),
        )

    def _encoded(self, fetched: list[Fetched], region: Region) -> list[Encoded]:
        """What DALI decodes for each row: a file, or a part of it; then `region` is moved."""
        files = []
        for row in range(self.options.views * len(fetched)):
            found = fetched[row % len(fetched)]
            (top, left), (height, width) = region.start[row].tolist(), region.shape[row].tolist()
            if found.pixels is not None:
                files.append(ppm(found.pixels[top : top + height, left : left + width]))
                region.start[row] = 0
            elif part := self._cutter.cut(found, top, left, height, width):
                files.append(part.data)
                region.start[row] -= part.top, part.left
            else:
                files.append(np.frombuffer(found.data, np.uint8))
        return files

    def _batch(self, job: Job, step: int, feed: Feed, pixels: torch.Tensor) -> Batch:
        images, mixing = pixels.permute(0, 3, 1, 2), job.mixing(step)
        if self.options.work != "decode" and self._spec.finish is None:
            images = finish_rows(
                job,
                mixing,
                pixels,
                feed.planned,
                self.options.dtype,
                empty=self._recycler.empty,
                transfer=self._transfer,
            )
        return Batch(
            images=images,
            indices=feed.indices,
            mixing=mixing,
            replaced=feed.replaced,
            counts=feed.counts,
        )

    def _blame(self, error: GraphError) -> None:
        """Find the files that made DALI fail and mark them as bad.

        Raises:
            RuntimeError: none did.
        """
        alone = replace(self._spec, rows=1, num_threads=1)
        graph = Graph(alone)
        for feed in error.feeds:
            found = False
            for row in range(len(feed.encoded)):
                graph = graph if graph.usable else Graph(alone)
                picture = feed.row(row)
                try:
                    for _ in graph.run(iter([picture])):
                        pass
                except GraphError as again:
                    cause = again.cause.replace(" sample #0", "")
                    self._fetch.mark(int(picture.indices[0]), f"DALI gave up: {cause}")
                    found = True
            if found:
                return
        raise RuntimeError(f"DALI failed, and no picture alone makes it fail: {error}") from error

    def stages(self, count: int) -> dict[str, float]:
        """As `Loader.stages`; on a GPU only reading is told."""
        job = self._job(0, self._slices(0, 0)[: -(-count // self.options.samples_per_step)])
        alone = replace(self._spec, num_threads=1)
        decoding, whole = Graph(replace(alone, decode_only=True)), Graph(alone)
        for _ in range(2):  # the first pass warms up
            # CPU time of all threads: the work is done by DALI's, while ours waits.
            times = [process_time()]
            feeds = [self._feed(job, indices) for indices in job.batches]
            times.append(process_time())
            if self.options.device.type == "cpu":
                deque(decoding.run(iter(feeds)), maxlen=0)
                times.append(process_time())
                made = list(whole.run(iter(feeds)))
                times.append(process_time())
                deque((self._batch(job, step, *made[step]) for step in range(len(made))), maxlen=0)
                times.append(process_time())
        milliseconds = 1e3 * np.diff(times) / sum(len(feed.encoded) for feed in feeds)
        stages = dict(
            zip(("read", "decode", "resize", "finish"), milliseconds.tolist(), strict=False)
        )
        if "resize" in stages:
            stages["resize"] -= stages["decode"]  # the whole graph decodes as well
        return stages

    def close(self) -> None:
        """Stop the reading threads and free DALI's threads and memory."""
        super().close()
        self._readers.shutdown(cancel_futures=True)
        self._graph = None


def _indexed(device: torch.device) -> torch.device:
    """The same device by its number: "cuda" is whichever torch has as current right now."""
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return device


def _dtype_in_graph(options: Options) -> torch.dtype | None:
    """The dtype that DALI writes; None where it stops at uint8 and `finish_rows` goes on.

    Raises:
        ValueError: finish="graph" with what DALI cannot do.
    """
    ops = options.augment.ops(size=options.size_at(0), train=options.train, work=options.work)
    lacking = {
        "bfloat16": options.dtype == torch.bfloat16,
        "mixing": bool(options.mix),
        "policies, and other colours than hsv and none": ops is not None,
    }
    able = options.work != "decode" and not any(lacking.values())
    if options.finish == "graph" and any(lacking.values()):
        missing = "; ".join(what for what, asked in lacking.items() if asked)
        raise ValueError(f'finish="graph": DALI has no {missing}; use finish="fused"')
    wanted = options.device.type != "cpu" if options.finish == "auto" else options.finish == "graph"
    return options.dtype if wanted and able else None
