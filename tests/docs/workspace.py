"""A folder in which the commands and lines of the documentation find what they speak of.

Pages say `imagenet`, `packs/imagenet` and `ILSVRC2012`; here these are miniatures, and a few
numbers are smaller. All that is different from what a reader sees stands in this file.
"""

import json
import os
from pathlib import Path

import torch

from fasttricks.cache import cache_dir
from tests.pack import archives
from tests.pictures import jpeg

ROOT = Path(__file__).resolve().parents[2]

SMALLER = {
    "batch_size=256": "batch_size=32",
    "range(90)": "range(1)",
    'device="cuda"': 'device="cpu"',
    "{000000..000146}": "000000",
    'weights="DEFAULT"': "weights=None",
}
"""What is replaced in Python blocks: they run on 72 pictures, without a GPU and without network."""
RESULTS = {
    "loaders.json": "2026-11-22-cpu-decode-cuts.json",
    "kernels.json": "2026-11-22-kernels-cpu.json",
}
"""Files that commands too long for a test would write, and what of bench/results stands in."""


def make_workspace(folder, monkeypatch):
    """Fill a folder, and make it the current one."""
    write_pictures(folder / "imagenet" / "train", each=24)
    write_pictures(folder / "imagenet" / "val", each=4)
    for name in ("DATA", "DIR", "SRC"):  # what pages call a reader's data
        (folder / name).symlink_to("imagenet")
    official = folder / "ILSVRC2012"
    official.mkdir()
    archives.write_train(official)
    archives.write_val(official)
    (official / "synset_labels.txt").write_bytes(archives.synset_lines())
    archives.write_val(folder)
    (folder / "LOC_val_solution.csv").write_text(kaggle_labels())
    (folder / "one-gpu.json").write_text(made_up_measurement())
    (folder / "bench").symlink_to(ROOT / "bench")  # whose results pages name
    for name, result in RESULTS.items():
        (folder / name).symlink_to(ROOT / "bench" / "results" / result)
    # A cache of its own for indices, but compiled kernels are taken from where they are.
    (folder / "cache").mkdir()
    kernels = cache_dir() / "numba"
    kernels.mkdir(parents=True, exist_ok=True)
    (folder / "cache" / "numba").symlink_to(kernels)
    monkeypatch.setenv("FASTTRICKS_CACHE", str(folder / "cache"))
    monkeypatch.chdir(folder)


def write_pictures(folder, each):
    """Three classes of so many pictures."""
    for label in range(3):
        home = folder / archives.SYNSETS[label]
        home.mkdir(parents=True)
        for number in range(each):
            data = jpeg(60 + number, 80, seed=100 * label + number)
            (home / f"picture_{number}.JPEG").write_bytes(data)


def kaggle_labels():
    """The ground truth of the validation archive, as Kaggle has it."""
    lines = [
        f"{archives.picture_name(number).removesuffix('.JPEG')},{archives.SYNSETS[label]} 1 2 3 4\n"
        for number, label in enumerate(archives.VAL)
    ]
    return "ImageId,PredictionString\n" + "".join(lines)


def made_up_measurement():
    """A file as `bench --train` writes it on a GPU. Nobody measured this."""
    about = {"device": "cuda", "batch_size": 128, "recipe": "tricks", "model": "resnet50d"}
    about |= {"size": 224, "precision": "float16", "settings": []}
    rows = [
        {"kind": "step, cached batch", "pipeline": "", "step_ms": 1.0},
        {"kind": "training", "pipeline": "roi", "step_ms": 1.0},
    ]
    return "".join(json.dumps(row | about) + "\n" for row in rows)


def readers_names():
    """What a reader's trainer has, and blocks use without making it."""
    model = torch.nn.Sequential(
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 1000)
    )
    return {
        "__name__": "__main__",
        "model": model,
        "cross_entropy": torch.nn.functional.cross_entropy,
        "checkpoint": {},
        "x": torch.rand(1, 3, 64, 64),
        "own_loader": [(torch.rand(4, 3, 32, 32), torch.arange(4))],
        "generator": torch.Generator(),
    }


def as_run(text):
    """A Python block with SMALLER applied."""
    for long, short in SMALLER.items():
        text = text.replace(long, short)
    return text


def fresh_environment(monkeypatch):
    """No rank and no process count from outside: these tests are one process."""
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert os.environ.get("FASTTRICKS_SHM"), "tests/conftest.py sets it"
