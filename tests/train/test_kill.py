"""A run that dies without a word goes on as if it had not."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.trainer import train
from tests.train import tiny

ROOT = Path(__file__).resolve().parents[2]
LONG = {"schedule": {"epochs": 5000}, "save_every": 3, "data": {"eval_batch_size": 37}}
CHILD = """
import sys
from fasttricks.train.trainer import train
from tests.train import tiny, test_kill
train(tiny.recipe(*sys.argv[1:], **test_kill.LONG), tiny.normed)
"""


def test_kill_9_at_a_random_step_then_resume_gives_the_unbroken_runs_weights(
    picture_folder, tmp_path
):
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(picture_folder), str(broken)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    checkpoints = Checkpoints(broken)
    while checkpoints.latest() is None and child.poll() is None:
        time.sleep(0.01)
    time.sleep(random.random() / 2)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL  # it was still at work

    last = checkpoints.load_latest()["step"] + 7
    for folder, resume in ((broken, "auto"), (whole, "no")):
        recipe = tiny.recipe(picture_folder, folder, max_steps=last, resume=resume, **LONG)
        assert train(recipe, tiny.normed).steps == last
    expected, got = (Checkpoints(f).load_latest()["state"]["model"] for f in (whole, broken))
    assert all(torch.equal(expected[name], got[name]) for name in expected)
