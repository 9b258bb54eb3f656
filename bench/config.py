"""The settings of `fasttricks bench`; the command line is made from them, so nothing heavy here."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from fasttricks.errors import UnknownNameError

WORK = ("decode", "normalise", "full")
DTYPES = ("float32", "float16", "bfloat16")
DEVICES = ("cpu", "cuda")
PEERS = ("stock-dali", "stock-ffcv", "stock-torchvision", "timm", "tf-data", "floor", "index")
NO_LOADERS = ("index",)
"""Peers that make no batches: `all` does not ask for them."""


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """Measure input pipelines on the same files, interleaved, each in a process of its own."""

    pipeline: str = "all"
    """Pipelines to measure, separated by commas, or `all` that are installed. FFCV reads a pack:
    `ffcv` with the files' own bytes, `ffcv:jpg` and `ffcv:raw` re-encoded (marked in the table).
    Variants, such as `roi:mixup`, are measured when named; docs/bench.md lists them."""
    peers: str = ""
    """Other loaders with their own ImageNet recipe, separated by commas, or `all`: stock-dali,
    stock-ffcv, stock-torchvision, timm, tf-data. `floor` is the limit: libjpeg-turbo decoding the
    cuts of the plan from memory, and nothing else. `index`, which `all` does not ask for, makes no
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
    work: Literal["decode", "normalise", "full"] = "full"
    """How far: decode (crop, resize, flip; uint8), normalise, full (with colour)."""
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
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
    scripts: str = ""
    """With --train: race the training scripts of others instead, which lie in clones of their
    repositories: `torchvision=FOLDER,timm=FOLDER`. Whole trainings with equal settings take turns,
    7 rounds at least; `--set max-steps=N` says how long each is, and `--pipeline all` stands for
    roi."""
    recipe: str = ""
    """With --train: a recipe that `fasttricks recipes` lists. Default: cpu-small; with --scripts
    baseline, and of any recipe only what the scripts have, too."""
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
            ValueError: a number is out of range, or nothing is to be measured.
            UnknownNameError: no such peer, work level, dtype or device.
        """
        for name, least in (("batch_size", 1), ("size", 1), ("rounds", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"--{name.replace('_', '-')} must be at least {least}")
        if not 0.01 <= self.seconds < 3600:
            raise ValueError(f"--seconds must lie in [0.01, 3600); got {self.seconds}")
        if not 0 <= self.warmup < 3600:
            raise ValueError(f"--warmup must lie in [0, 3600); got {self.warmup}")
        for kind, value, known in (
            ("work level", self.work, WORK),
            ("dtype", self.dtype, DTYPES),
            ("device", self.device, DEVICES),
            *(("peer", name, PEERS) for name in self.peer_names),
        ):
            if value not in known:
                raise UnknownNameError(kind, value, list(known))
        if self.kernels and (self.compare or self.plot or self.threads):
            raise ValueError("--kernels takes no --compare, --plot or --threads")
        if self.model:
            self._check_model()
        elif self.against:
            raise ValueError("--against names networks to compare with that of --model")
        if self.train:
            self._check_train()
        elif self.settings or self.scripts:
            raise ValueError("--set changes the recipe of --train, --scripts what it measures")
        if self.only and not self.kernels and not self.model:
            raise ValueError("--only chooses among --kernels or the rows of --model")
        if not self.kernels and not self.model and not self.pipeline_names and not self.peer_names:
            raise ValueError("nothing to measure: give --pipeline or --peers")
        _ = self.thread_counts

    def _check_model(self) -> None:
        from fasttricks.models.names import model_config

        for name in (self.model, *self.against_names):
            model_config(name)
        if self.model in self.against_names:
            raise ValueError(f"--against takes other networks than --model {self.model}")
        if self.kernels or self.compare or self.plot or len(self.thread_counts) > 1:
            raise ValueError("--model takes no --kernels, --compare or --plot, and one --threads")

    def _check_train(self) -> None:
        from fasttricks.train.recipes import RECIPES

        if self.recipe_name not in RECIPES:
            raise UnknownNameError("recipe", self.recipe_name, list(RECIPES))
        if self.kernels or self.model or self.compare or self.plot or self.peer_names:
            raise ValueError("--train takes no --kernels, --model, --compare, --plot or --peers")
        if len(self.thread_counts) > 1 or not self.pipeline_names:
            raise ValueError("--train takes one --threads, and needs a --pipeline")
        for name in ("batch_size", "size", "dtype", "eval", "cold", "work"):
            if getattr(self, name) != getattr(type(self), name):
                flag = name.replace("_", "-")
                raise ValueError(f"--train takes no --{flag}: the recipe decides (--set)")
        if self.scripts:
            self._check_scripts()

    def _check_scripts(self) -> None:
        from fasttricks.bench.scripts.script import named_folders

        if not named_folders(self.scripts):
            raise ValueError("--scripts names no script: torchvision=FOLDER,timm=FOLDER")
        for name in ("seconds", "warmup"):
            if getattr(self, name) != getattr(type(self), name):
                raise ValueError(f"--scripts takes no --{name}: --set max-steps=N says how long")

    @property
    def recipe_name(self) -> str:
        """The recipe that --train measures."""
        return self.recipe or ("baseline" if self.scripts else "cpu-small")

    @property
    def pipeline_names(self) -> list[str]:
        """Names given with --pipeline, in order, each once; `all` is left as it is, for
        `fasttricks.bench.rows`, which knows what it stands for."""
        return _names(self.pipeline)

    @property
    def peer_names(self) -> list[str]:
        """Names given with --peers, in order, each once, `all` replaced."""
        return expand(_names(self.peers), [name for name in PEERS if name not in NO_LOADERS])

    @property
    def optional_peers(self) -> set[str]:
        """Peers that only `all` asks for: they are left out where they cannot be had."""
        return set(self.peer_names) - set(_names(self.peers))

    @property
    def only_names(self) -> list[str]:
        """Words given with --only, in order, each once."""
        return _names(self.only)

    @property
    def against_names(self) -> list[str]:
        """Networks given with --against, in order, each once."""
        return _names(self.against)

    @property
    def thread_counts(self) -> list[int]:
        """Counts given with --threads, in order, each once; empty for the default.

        Raises:
            ValueError: one is not an integer from 1 to 1024.
        """
        counts = []
        for word in _names(self.threads):
            if not word.isdecimal() or not 1 <= int(word) <= 1024:
                raise ValueError(f"--threads takes integers from 1 to 1024; got {word!r}")
            counts.append(int(word))
        return list(dict.fromkeys(counts))


def expand(names: Sequence[str], every: Sequence[str]) -> list[str]:
    """`names` with every name in the place of `all`, each once, where it stands first."""
    words = (every if name == "all" else (name,) for name in names)
    return list(dict.fromkeys(itertools.chain.from_iterable(words)))


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
