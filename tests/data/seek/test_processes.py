"""Several processes at one seek index, and what a killed one leaves behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fasttricks.data.samples import Samples
from fasttricks.data.seek.build import ensure_index
from fasttricks.data.unfinished import unfinished_path
from tests.data.seek.standin import make_pictures

pytestmark = pytest.mark.usefixtures("standin")

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def paths(tmp_path):
    return make_pictures(tmp_path / "pictures", 40)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "index" / "x.seek"


CODE = """
import sys, time
from pathlib import Path
from fasttricks.data.samples import Samples
from fasttricks.data.seek.build import ensure_index
from fasttricks.kernels.jit import NOTICES
from tests.data.seek.standin import install, noting
NOTICES.told = True  # what is on stderr does not depend on whether kernels were compiled before
root, out, notes, pause = sys.argv[1:]
install(inspect=noting(notes, float(pause)))
samples = Samples(sorted(Path(root).rglob("*.jpg")))
index = ensure_index(samples, out)
found = sum(index.lookup(n, *samples.read_stamped(n)[1]) is not None for n in range(len(samples)))
print(found, index.stale)
"""


def start(tmp_path, out, pause_s=0.0):
    arguments = [tmp_path / "pictures", out, tmp_path / "notes", pause_s]
    return subprocess.Popen(
        [sys.executable, "-c", CODE, *map(str, arguments)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, process):
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_processes_build_it_once(tmp_path, paths, out):
    processes = [start(tmp_path, out, 0.01) for _ in range(4)]
    results = [process.communicate(timeout=60) for process in processes]
    assert results == [("36 0\n", "")] * 4
    assert (tmp_path / "notes").stat().st_size == 40
    assert [p.name for p in out.parent.iterdir()] == ["x.seek"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_half_way(tmp_path, paths, out, how, monkeypatch):
    """Nobody has to wait for a killed builder, and its left-overs go."""
    process = start(tmp_path, out, 0.1)
    notes = tmp_path / "notes"
    wait_for(lambda: notes.exists() and notes.stat().st_size > 5, process)
    assert not out.exists()
    process.send_signal(how)
    _, told = process.communicate(timeout=30)
    assert process.returncode != 0
    assert told.count("Traceback") == (how == signal.SIGINT)
    assert [p.name for p in out.parent.iterdir()] == (
        [unfinished_path(out).name] if how == signal.SIGKILL else []
    )
    index = ensure_index(Samples(paths), out)
    assert len(index) == 40
    assert [p.name for p in out.parent.iterdir()] == ["x.seek"]


def test_waiting_for_a_builder_that_dies(tmp_path, paths, out):
    """The second process waits for the first, which is killed; then it builds."""
    first = start(tmp_path, out, 0.5)
    wait_for(lambda: unfinished_path(out).exists(), first)
    second = start(tmp_path, out)
    time.sleep(1.0)
    assert second.poll() is None
    first.kill()
    first.communicate()
    assert second.communicate(timeout=60) == ("36 0\n", "")
