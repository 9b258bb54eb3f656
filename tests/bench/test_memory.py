import json
import subprocess
import sys

import pytest
from PIL import Image

from fasttricks.bench import memory
from fasttricks.errors import FasttricksError, UnknownNameError
from tests.pipelines.conftest import require

HERE = "kept = np.ones(50 << 20, np.uint8)"
GROWN_WORKER = f"""
worker = subprocess.Popen(
    [sys.executable, "-c", "import numpy as np; {HERE}; print(1, flush=True); input()"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
worker.stdout.readline()
"""


def seen(growing):
    """Memory before and after, of a process group that nobody else is in."""
    code = (
        "import json, subprocess, sys\nimport numpy as np\nfrom fasttricks.bench import memory\n"
        f"before = memory.total_mb()\n{growing}\nprint(json.dumps([before, memory.total_mb()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, process_group=0
    )
    return json.loads(done.stdout)


def test_what_is_allocated_and_touched_is_seen():
    before, after = seen(HERE)
    assert after["anonymous_mb"] - before["anonymous_mb"] > 0.9 * (50 << 20) / 1e6
    assert after["rss_mb"] >= after["anonymous_mb"]


def test_workers_count():
    before, after = seen(GROWN_WORKER)
    assert after["anonymous_mb"] - before["anonymous_mb"] > 0.9 * (50 << 20) / 1e6


def test_large_pictures_are_large(picture_folder, tmp_path):
    paths = memory.enlarged(sorted(picture_folder.glob("*/*")), 2, tmp_path)
    assert [Image.open(path).size for path in paths] == [(2400, 1632)] * 2
    assert all(path.stat().st_size > 300_000 for path in paths)


def test_an_unknown_pipeline_is_named(picture_folder):
    with pytest.raises(UnknownNameError, match="ffvc"):
        memory.run(memory.Config(data=picture_folder, pipeline="roi,ffvc"))


def test_a_pipeline_that_fails_is_named(tmp_path):
    with pytest.raises(FasttricksError, match="roi: "):
        memory.run(memory.Config(data=tmp_path / "gone"))


def test_one_json_object_with_what_it_ran_on(picture_folder, tmp_path, capsys):
    require("roi")
    config = memory.Config(
        data=picture_folder, batch_size=8, epochs=2, large=1, json=tmp_path / "x.json"
    )
    memory.main(config)
    result = json.loads(config.json.read_text())
    (found,) = result["results"]
    assert found["pictures"] == 38
    assert len(found["epochs"]) == 2
    assert found["steps"] >= memory.STEPS
    assert found["made"]["rss_mb"] > 20  # numba and LLVM are not in the start
    assert found["peak_mb"] >= found["epochs"][-1]["rss_mb"] - 1
    assert found["start"]["rss_mb"] > 100  # torch
    assert {"machine", "versions", "commit", "command", "asked"} <= set(result)
    assert "epoch  2" in capsys.readouterr().out


def test_a_mistake_is_one_line(tmp_path):
    command = [sys.executable, "-m", "fasttricks.bench.memory", "--data", str(tmp_path / "gone")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("fasttricks: error: roi: ")
    assert done.stderr.count("\n") == 1
