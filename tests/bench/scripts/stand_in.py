"""Scripts that log as the real ones do, and train nothing."""

from pathlib import Path

from fasttricks.bench.scripts.script import Script

TORCHVISION = """
import sys, time
flags = dict(zip(sys.argv[1::2], sys.argv[2::2]))
batch = int(flags["--batch-size"])
from pathlib import Path
steps = len(list(Path(flags["--data-path"], "train").glob("*/*"))) // batch
for step in range(steps):
    time.sleep(0.002)
    print(f"Epoch: [0]  [{step:3d}/{steps}]  eta: 0:00:00  lr: 0.1  loss: 1.0 (1.0)")
print("Test:   [0/1]  eta: 0:00:00")
"""
TIMM = """
import logging, sys, time
from pathlib import Path
from timm.version import __version__
logging.basicConfig(level=logging.INFO, format="%(message)s")
flags = sys.argv[1:]
def value(name): return flags[flags.index(name) + 1]
steps = len(list(Path(value("--data-dir"), "train").glob("*/*"))) // int(value("--batch-size"))
assert __version__ == "0.0.stand-in", "the timm that is installed"
for step in range(steps):
    time.sleep(0.004)
    logging.info(f"Train: 0 [{step:>4d}/{steps} ({step}%)]  Loss: 1.00 (1.00)  Time: 0.004s")
"""
OURS = """
import json, sys, time
out, steps = sys.argv[1], int(sys.argv[2])
from pathlib import Path
Path(out).mkdir()
with open(out + "/log.jsonl", "a", buffering=1) as log:
    log.write(json.dumps({"kind": "start", "step": 0}) + "\\n")
    for step in range(1, steps + 1):
        time.sleep(0.001)
        log.write(json.dumps({"kind": "step", "time": 1.0, "step": step}) + "\\n")
"""


def clone_torchvision(folder: Path, text: str = TORCHVISION) -> Script:
    """A folder like a clone of pytorch/vision."""
    own = folder / "references" / "classification"
    own.mkdir(parents=True)
    (own / "presets.py").touch()
    (own / "train.py").write_text(text)
    return Script("torchvision", own / "train.py")


def clone_timm(folder: Path, text: str = TIMM) -> Script:
    """A folder like a clone of huggingface/pytorch-image-models."""
    (folder / "timm").mkdir(parents=True)
    (folder / "timm" / "__init__.py").touch()
    (folder / "timm" / "version.py").write_text("__version__ = '0.0.stand-in'\n")
    (folder / "train.py").write_text(text)
    return Script("timm", folder / "train.py")
