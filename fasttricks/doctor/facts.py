"""What the doctor knows before it gives advice: plain values, so that any machine can be made up.

Sizes are bytes, rates are per second, shares lie in [0, 1]. None stands for "could not be found
out"; an empty text for "nothing to say".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Version = tuple[int, int]
"""Major and minor."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU that this process may use, or could if torch were able to."""

    name: str
    memory_bytes: int
    capability: Version | None = None
    """CUDA compute capability."""
    jpeg_engine: bool | None = None
    """Whether it has hardware for decoding baseline JPEGs."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Hardware and what is installed."""

    cpu: str = ""
    cores: int = 1
    """Of the whole machine."""
    usable_cores: int = 1
    """That this process may use: affinity and the cgroup's quota."""
    memory_bytes: int = 0
    free_bytes: int = 0
    """Memory that can be taken without swapping, page cache included."""
    shared_bytes: int = 0
    """Room for decoded pictures that processes share (/dev/shm)."""
    shm_bytes: int | None = None
    """Free in /dev/shm, also where less memory is free; None where there is no such folder."""
    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    """Version of the NVIDIA driver."""
    driver_cuda: Version | None = None
    """The newest CUDA that the driver can run."""
    torch_cuda: Version | None = None
    """The CUDA that torch was built for; None for a build without."""
    dali_cuda: Version | None = None
    """The CUDA that DALI was built for; None if it is not installed."""
    torch_sees_gpu: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    simd: bool = False
    """Whether PIL is pillow-simd."""
    pipelines: Mapping[str, str] = field(default_factory=dict)
    """By name: why it cannot be used here and what to install; empty if it can."""

    def lacks(self, pipeline: str) -> str:
        """Why a pipeline cannot be used here and what to install; empty if it can."""
        return self.pipelines.get(pipeline, "not known")

    @property
    def processes(self) -> int:
        """Training processes that this machine is for: one per GPU."""
        return max(1, len(self.gpus))

    @property
    def threads(self) -> int:
        """Decoding threads that each of them can have."""
        return max(1, self.usable_cores // self.processes)

    @property
    def device(self) -> str:
        """Where batches are wanted."""
        return "cuda" if self.torch_sees_gpu else "cpu"


@dataclass(frozen=True, kw_only=True)
class Disk:
    """Where the pictures are, and how fast they come from there."""

    file_system: str = ""
    network: bool = False
    in_memory: bool = False
    """Whether it is a tmpfs."""
    cached: float | None = None
    """Share of the sampled pictures' bytes that was in the page cache before anything was read."""
    files: int = 0
    """Pictures that were read to measure the rates; they were not in the page cache."""
    files_per_s: float | None = None
    bytes_per_s: float | None = None
    why_not: str = ""
    """Why there are no rates."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """A data set, most of it from a sample of its pictures."""

    name: str
    kind: str
    """"folder", "pack" (tar shards), or "beton" (ffcv's)."""
    pictures: int
    classes: int = 0
    validation: int | None = None
    """Pictures to evaluate on; None if the data set is not divided."""
    listing_s: float = 0.0
    """Seconds that finding all files took."""
    sampled: int = 0
    """Pictures that everything below was found from."""
    bytes_low: int = 0
    """File size that a tenth of the pictures are below; likewise the next two."""
    bytes_middle: int = 0
    bytes_high: int = 0
    bytes_mean: float = 0.0
    pixels_mean: float = 0.0
    side_middle: int = 0
    """Median of the shorter sides, pixels."""
    cuttable: int = 0
    """Sampled pictures of which only the crop has to be decoded."""
    progressive: int = 0
    odd: int = 0
    """That only PIL decodes for sure, which is slow; progressive JPEGs are not among them."""
    bad: int = 0
    index: str = "none"
    """State of the seek index: a value of `fasttricks.doctor.seek.State`."""
    index_path: str = ""
    disk: Disk = field(default_factory=Disk)
    problems: tuple[str, ...] = ()
    """What is wrong with the folder as a whole, one line each."""
    notes: tuple[str, ...] = ()
    """What is worth knowing of it."""

    @property
    def total_bytes(self) -> float:
        """Of all encoded pictures, estimated."""
        return self.bytes_mean * self.pictures

    @property
    def decoded_bytes(self) -> float:
        """Of all pictures as RGB, estimated."""
        return 3 * self.pixels_mean * self.pictures

    def share(self, count: int) -> float:
        """A count of sampled pictures as a share of them."""
        return count / self.sampled if self.sampled else 0.0


@dataclass(frozen=True, kw_only=True)
class Rate:
    """What one pipeline was measured to deliver, as one training process would run it."""

    pipeline: str
    images_per_s: float
    cpu_s_per_1000: float
    threads: int
    device: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that advice is given from."""

    machine: Machine
    data: Data | None = None
    rates: tuple[Rate, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Pipelines that were not measured, and why."""

    def rate(self, pipeline: str) -> Rate | None:
        """What a pipeline was measured to deliver; None if it was not measured."""
        return next((rate for rate in self.rates if rate.pipeline == pipeline), None)
