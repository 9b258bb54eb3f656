import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fasttricks.bench import fuzz_cut
from fasttricks.kernels.jpeg.seek import SEEK

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_small_run_with_bounds_checked(tmp_path):
    """Minutes more: `python -m fasttricks.bench.fuzz_cut`."""
    command = [sys.executable, "-m", "fasttricks.bench.fuzz_cut", "--count", "2000", "--seed", "5"]
    command += ["--failure", str(tmp_path / "failure.jpg")]
    run = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    assert run.returncode == 0, run.stdout + run.stderr
    counts = json.loads(run.stdout.splitlines()[-1])
    for happened in ("compared", "cut", "refused", "indexed", "status 2", "status 12"):
        assert counts[happened] > 10, counts


def test_hypothesis_with_bounds_checked():
    """The kernels' own tests with hostile input, once more."""
    environment = fuzz_cut.checked_environment()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["tests/kernels/jpeg/test_cut_hostile.py"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env=environment)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout


def test_it_refuses_to_run_without_checks():
    assert os.environ.get("NUMBA_BOUNDSCHECK") != "1"
    with pytest.raises(RuntimeError, match="not compiled with"):
        fuzz_cut.main(fuzz_cut.Config(count=1))


def test_it_finds_wrong_pixels_and_foreign_bytes():
    data = fuzz_cut.made_files()[0]
    pixels = fuzz_cut.in_colour(data)
    box = (0, 0, *pixels.shape[:2])
    assert fuzz_cut.compare(data, pixels, box, box) == "compared"
    with pytest.raises(AssertionError, match="pixels differ"):
        fuzz_cut.compare(data, pixels ^ 1, box, box)
    guarded = fuzz_cut.Guarded(SEEK, 3)
    guarded.array["state"] = 7
    guarded.check()
    guarded._memory[-1] = 0
    with pytest.raises(AssertionError, match="guard byte"):
        guarded.check()


def test_damage_is_various():
    rng, data = random.Random(0), fuzz_cut.made_files()[0]
    seen = [fuzz_cut.damaged(rng, data) for _ in range(300)]
    assert len(set(seen)) > 250
    lengths = np.array([len(d) for d in seen])
    assert (lengths < len(data)).any()
    assert (lengths > len(data)).any()
