"""The settings of `fasttricks bench`; the command line is made from them, so nothing heavy here."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

from fasttricks.errors import UnknownNameError
from fasttricks.precision import Precision

Work = Literal["decode", "normalise", "full"]
WORK: tuple[Work, ...] = get_args(Work)
PEERS = ("stock-dali", "stock-ffcv", "stock-torchvision", "timm", "tf-data", "floor", "index")
NO_LOADERS = ("index",)
"""Peers that make no batches: `all` does not ask for them."""

ALL_TAKE = frozenset({"device", "rounds", "json"})
TAKES = {
    "": ALL_TAKE
    | {"pipeline", "peers", "data", "batch_size", "size", "threads", "seconds", "warmup", "eval"}
    | {"cold", "work", "dtype", "plot", "compare", "tf_python"},
    "--kernels": ALL_TAKE | {"kernels", "batch_size", "size", "seconds", "only"},
    "--model": ALL_TAKE
    | {"model", "against", "batch_size", "size", "dtype", "threads", "seconds", "warmup", "only"},
    "--train": ALL_TAKE
    | {"train", "pipeline", "data", "threads", "seconds", "warmup", "recipe", "settings"},
}
"""Which settings each kind of measurement takes, by the flag that asks for it; "" for pipelines."""


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """Measure input pipelines on the same files, interleaved, each in a process of its own."""

    pipeline: str = "all"
    """Pipelines to measure, separated by commas, or `all` that are installed. FFCV reads a pack:
    `ffcv` with the files' own bytes, `ffcv:jpg` and `ffcv:raw` re-encoded (marked in the table).
    Variants, such as `roi:mixup`, are measured when named; docs/bench.md lists them."""
    peers: str = ""
    """Other loaders with their own ImageNet recipe, separated by commas, or `all`: stock-dali,
    stock-ffcv, stock-torchvision, timm, tf-data. `floor` is libjpeg-turbo decoding the cuts of
    the plan from memory, and nothing else. `index`, which `all` does not ask for, makes no
    batches: it reads and indexes the files, as `fasttricks index` does."""
    data: Path | None = None
    """Folder of class folders, or of pictures, or a pack of tar shards. Without it: generated
    files like ImageNet's."""
    batch_size: int = 64
    """Pictures per batch."""
    size: int = 224
    """Side of the square output in pixels."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where batches are delivered."""
    threads: str = ""
    """Decoding threads or workers, one or several counts separated by commas. Empty: the CPUs that
    this process may use."""
    seconds: float = 5.0
    """Timed seconds per row and round."""
    rounds: int = 5
    """Rounds; in each one every row is timed once, in turn."""
    warmup: float = 2.0
    """Seconds that a row runs after its first batch before anything is timed."""
    eval: bool = False
    """Measure the evaluation transform (resize, centre crop) in file order, not training's."""
    cold: bool = False
    """Drop the files from the page cache before each timing, which is then one pass at most."""
    work: Work = "full"
    """How far: decode (crop, resize, flip; uint8), normalise, full (with colour)."""
    dtype: Precision = "float32"
    """Type of the output, unless `work` is `decode`."""
    json: Path | None = None
    """Write one JSON object per row to this file."""
    plot: Path | None = None
    """Draw the results to this file (.png, .pdf or .svg); needs matplotlib."""
    kernels: bool = False
    """Time kernels by themselves instead, on --device, against what people use for the same work:
    --seconds per kernel, over all rounds, on the CPU with one thread."""
    model: str = ""
    """Measure a network of `fasttricks models` instead, on --device with made-up pictures: training
    step and inference, eager and compiled, against torchvision's and timm's; --seconds per row and
    round, 7 rounds at least, --dtype by autocast."""
    against: str = ""
    """With --model: other networks of `fasttricks models`, separated by commas, to be measured in
    turn with it; its slowdown beside what MACs, bytes and the papers say."""
    train: bool = False
    """Measure a training instead, with --device: the trainer's step on made-up pictures and on a
    cached batch, and for each pipeline the loader alone and both together; --seconds per row and
    round, 7 rounds at least. Batch and size are the recipe's."""
    recipe: str = "cpu-small"
    """With --train: a recipe that `fasttricks recipes` lists."""
    settings: Annotated[tuple[str, ...], tyro.conf.arg(name="set")] = ()
    """With --train: settings of the recipe, as `fasttricks train` has them: `data.batch-size=256
    precision=bfloat16`."""
    only: str = ""
    """With --kernels or --model: those rows whose names begin with one of these words, separated by
    commas. Kernels are `resize` (on the CPU), `stage`, `finish` and `mix`, or more of a name:
    `resize 300`, `stage randaugment`, `stage color`, `mix mixup`, `mix cutmix`, `mix ricap`,
    `mix erasing`; a model's rows are `training` and `inference`, each eager and compiled."""
    compare: Path | None = None
    """A file written by `--json` before: show the same rows then and now."""
    tf_python: Path | None = None
    """Python interpreter that has TensorFlow, for the peer tf-data. Default: this one."""

    def check(self) -> None:
        """Find what is wrong in itself.

        Not done when it is made: the parser of the command line would frame the one line that there
        is to say.

        Raises:
            ValueError: a number is out of range, a flag is for another kind of measurement, or
                nothing is to be measured.
            UnknownNameError: no such peer, network or recipe.
        """
        for name in ("batch_size", "size", "rounds"):
            if getattr(self, name) < 1:
                raise ValueError(f"{_flag(name)} must be at least 1")
        if not 0.01 <= self.seconds < 3600:
            raise ValueError(f"--seconds must lie in [0.01, 3600); got {self.seconds}")
        if not 0 <= self.warmup < 3600:
            raise ValueError(f"--warmup must lie in [0, 3600); got {self.warmup}")
        mode = self.mode
        for field in fields(BenchConfig):
            if field.name not in TAKES[mode] and getattr(self, field.name) != field.default:
                raise ValueError(_misplaced(_flag(field.name), field.name, mode))
        if len(self.thread_counts) > 1 and mode:
            raise ValueError(f"{mode} takes one count of --threads")
        if mode == "--model":
            self._check_model()
        if mode == "--train":
            self._check_recipe()
        if "pipeline" in TAKES[mode] and not self.pipeline_names and not self.peer_names:
            raise ValueError("nothing to measure: give --pipeline or --peers")
        for name in self.peer_names:
            if name not in PEERS:
                raise UnknownNameError("peer", name, list(PEERS))

    @property
    def mode(self) -> str:
        """What is measured, a key of TAKES.

        Raises:
            ValueError: several things at once.
        """
        chosen = [flag for flag in ("--kernels", "--model", "--train") if getattr(self, flag[2:])]
        if len(chosen) > 1:
            raise ValueError(f"{chosen[0]} and {chosen[1]} are measured one at a time: give one")
        return "".join(chosen)

    def _check_model(self) -> None:
        from fasttricks.models.names import model_config

        for name in (self.model, *self.against_names):
            model_config(name)
        if self.model in self.against_names:
            raise ValueError(f"--against takes other networks than --model {self.model}")

    def _check_recipe(self) -> None:
        from fasttricks.train.recipes import RECIPES

        if self.recipe not in RECIPES:
            raise UnknownNameError("recipe", self.recipe, list(RECIPES))

    @property
    def pipeline_names(self) -> list[str]:
        """Names given with --pipeline, in order, each once; `all` is left as it is, for
        `fasttricks.bench.rows`, which knows what it stands for."""
        return words(self.pipeline)

    @property
    def peer_names(self) -> list[str]:
        """Names given with --peers, in order, each once, `all` replaced."""
        return expand(words(self.peers), [name for name in PEERS if name not in NO_LOADERS])

    @property
    def optional_peers(self) -> set[str]:
        """Peers that only `all` asks for: they are left out where they cannot be had."""
        return set(self.peer_names) - set(words(self.peers))

    @property
    def only_names(self) -> list[str]:
        """Words given with --only, in order, each once."""
        return words(self.only)

    @property
    def against_names(self) -> list[str]:
        """Networks given with --against, in order, each once."""
        return words(self.against)

    @property
    def thread_counts(self) -> list[int]:
        """Counts given with --threads, in order, each once; empty for the default.

        Raises:
            ValueError: one is not an integer from 1 to 1024.
        """
        counts = []
        for word in words(self.threads):
            if not word.isdecimal() or not 1 <= int(word) <= 1024:
                raise ValueError(f"--threads takes integers from 1 to 1024; got {word!r}")
            counts.append(int(word))
        return list(dict.fromkeys(counts))


def expand(names: Sequence[str], every: Sequence[str]) -> list[str]:
    """`names` with every name in the place of `all`, each once, where it stands first."""
    words = (every if name == "all" else (name,) for name in names)
    return list(dict.fromkeys(itertools.chain.from_iterable(words)))


def _flag(name: str) -> str:
    return "--set" if name == "settings" else "--" + name.replace("_", "-")


def _misplaced(flag: str, name: str, mode: str) -> str:
    """What to say of a flag that this kind of measurement would ignore."""
    if mode:
        why = ": the recipe says what is trained (--set)" if mode == "--train" else ""
        return f"{mode} takes no {flag}{why}"
    return f"{flag} is for {' or '.join(other for other in TAKES if name in TAKES[other])}"


def beginning(kind: str, names: Sequence[str], words: Sequence[str]) -> list[str]:
    """Those of some names that begin with one of the words, as --only gives them.

    Raises:
        UnknownNameError: with one of the words no name begins; calls them what `kind` says.
    """
    for word in words:
        if not any(name.startswith(word) for name in names):
            raise UnknownNameError(kind, word, list(names))
    return [name for name in names if name.startswith(tuple(words))]


def words(text: str) -> list[str]:
    """Those of a list separated by commas, in order, each once."""
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
