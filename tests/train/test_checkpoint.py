"""Checkpoints are whole or absent, and say what is wrong with those that are neither."""

import errno
import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from fasttricks.data import unfinished as unfinished_module
from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.checkpoint_file import FORMAT, CheckpointError, DamagedError, load
from fasttricks.train.rng import rng_state, set_rng_state


def state(value):
    return {"model": {"w": torch.full((5,), float(value))}, "note": ("a", [1, 2.5, None])}


def test_what_was_saved_is_loaded(tmp_path):
    saved = Checkpoints(tmp_path / "run").save(state(3), step=7, epoch=1)
    found = load(saved)
    assert (found["step"], found["epoch"]) == (7, 1)
    assert torch.equal(found["state"]["model"]["w"], torch.full((5,), 3.0))
    assert found["state"]["note"] == ("a", [1, 2.5, None])


def test_newest_and_best_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    values = [0.1, 0.7, 0.3, float("nan"), 0.7, 0.2]
    for step, value in enumerate(values):
        checkpoints.save(state(step), step=step, epoch=0)
        checkpoints.evaluated(step, {"top1": value})
    assert [load(p)["step"] for p in checkpoints.all()] == [4, 5]
    assert load(checkpoints.best())["step"] == 1  # the first of equals
    assert len(list(tmp_path.iterdir())) == 3
    assert load(checkpoints.latest())["step"] == 5


@pytest.mark.parametrize("value", [1 / 3, 2 / 3])
def test_the_first_of_equals_is_the_best_whatever_is_rounded(tmp_path, value):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2, 3):
        checkpoints.save(state(step), step=step, epoch=0)
        checkpoints.evaluated(step, {"top1": value})
    assert load(checkpoints.best())["step"] == 1


def test_steps_are_ordered_as_numbers(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step in (99_999_999, 100_000_000, 100_000_001):
        checkpoints.save(state(0), step=step, epoch=0)
    assert [load(p)["step"] for p in checkpoints.all()] == [100_000_000, 100_000_001]


def test_without_metrics_there_is_no_best(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(0), step=1, epoch=0)
    assert checkpoints.best() is None


def test_negative_metrics_compare(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step, value in enumerate([-2.5, -1.5, -3.0]):
        checkpoints.save(state(0), step=step, epoch=0)
        checkpoints.evaluated(step, {"top1": value})
    assert load(checkpoints.best())["step"] == 1


def test_full_disk_leaves_the_one_before(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path)
    before = checkpoints.save(state(1), step=1, epoch=0)

    def full(self):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(unfinished_module.Unfinished, "publish", full)
    with pytest.raises(CheckpointError, match="disk is full; the last whole one is"):
        checkpoints.save(state(2), step=2, epoch=0)
    assert [p.name for p in tmp_path.iterdir()] == [before.name]
    assert load(before)["step"] == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_disk_that_fills_up_while_torch_writes(tmp_path, monkeypatch):
    claim = unfinished_module._claim

    def claimed(path, what):
        file = claim(path, what)
        os.dup2(os.open("/dev/full", os.O_WRONLY), file.fileno())
        return file

    monkeypatch.setattr(unfinished_module, "_claim", claimed)
    big = {"w": torch.zeros(1 << 20)}
    with pytest.raises(CheckpointError, match=r"disk is full; there is none before it"):
        Checkpoints(tmp_path).save(big, step=1, epoch=0)


def test_damage_is_seen_and_the_one_before_is_taken(tmp_path, capsys):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(1), step=1, epoch=0)
    damaged = checkpoints.save(state(2), step=2, epoch=0)
    data = damaged.read_bytes()
    damaged.write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match="is damaged"):
        load(damaged)
    assert checkpoints.load_latest()["step"] == 1
    assert "trying the one before" in capsys.readouterr().err


def test_changed_bytes_in_a_tensor_are_seen(tmp_path):
    torch.serialization.set_crc32_options(False)  # checkpoints have checksums all the same
    try:
        path = Checkpoints(tmp_path).save({"w": torch.rand(10_000)}, step=1, epoch=0)
        assert not torch.serialization.get_crc32_options()
    finally:
        torch.serialization.set_crc32_options(True)
    load(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    torch.load(path, weights_only=True)  # which would go on without a word
    with pytest.raises(DamagedError, match=r"is damaged: .*data/0 has another checksum"):
        load(path)


@pytest.mark.parametrize("damage", [lambda d: d[: len(d) // 2], lambda d: b"", lambda d: b"PK?"])
def test_damaged_ones_do_not_count_as_the_newest(tmp_path, damage):
    checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.save(state(5), step=5, epoch=0)
    ahead = tmp_path / "step-00000007.pt"
    ahead.write_bytes(damage(checkpoints.latest().read_bytes()))
    assert checkpoints.load_latest()["step"] == 5
    assert not ahead.exists()
    assert ahead.with_name("step-00000007.pt.damaged").exists()
    checkpoints.save(state(6), step=6, epoch=0)
    assert checkpoints.load_latest()["step"] == 6
    assert len(checkpoints.all()) == 1


def test_what_could_not_be_read_does_not_push_out_the_newest(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=1)
    newer = tmp_path / "step-00000009.pt"
    torch.save({"format": FORMAT + 1, "state": {}}, newer)
    for step in (5, 6):
        checkpoints.save(state(step), step=step, epoch=0)
        assert checkpoints.load_latest()["step"] == step
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000006.pt", newer.name]


def test_the_best_is_the_last_resort(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=1)
    for step, value in ((1, 0.5), (2, 0.4)):
        checkpoints.save(state(step), step=step, epoch=0)
        checkpoints.evaluated(step, {"top1": value})
    checkpoints.latest().write_bytes(b"")
    assert checkpoints.load_latest()["step"] == 1
    assert [p.name for p in checkpoints.candidates()] == ["best-top1-0.500000-00000001.pt"]


def test_what_is_not_there_is_not_the_best(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.evaluated(3, {"top1": 0.5})
    assert checkpoints.best() is None


def test_nothing_whole_is_an_error_and_nothing_at_all_is_none(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.load_latest() is None
    checkpoints.save(state(1), step=1, epoch=0).write_bytes(b"no archive")
    for _ in range(2):  # it is not set aside, or the next run would begin anew
        with pytest.raises(CheckpointError, match="not a checkpoint that can be read"):
            checkpoints.load_latest()


def test_strange_files_are_refused(tmp_path):
    weights = tmp_path / "weights.pt"
    torch.save({"w": torch.zeros(2)}, weights)
    with pytest.raises(CheckpointError, match="not a checkpoint of fasttricks"):
        load(weights)
    torch.save({"format": FORMAT + 1, "state": {}}, weights)
    with pytest.raises(CheckpointError, match=f"format {FORMAT + 1}; this version reads {FORMAT}"):
        load(weights)
    with pytest.raises(CheckpointError, match="there is no file"):
        load(tmp_path / "nowhere.pt")


@pytest.mark.parametrize("content", [b"print('hello')\n", b"", b"# a comment", b"\x80\x02}."])
def test_another_kind_of_file_is_told_without_torchs_advice(content, tmp_path):
    (tmp_path / "mk.py").write_bytes(content)
    with pytest.raises(CheckpointError) as told:
        load(tmp_path / "mk.py")
    assert f"{tmp_path / 'mk.py'} is not a checkpoint" in str(told.value)
    assert "weights_only" not in str(told.value)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    torch.save({"format": FORMAT, "state": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match="only tensors and plain values are") as told:
        load(tmp_path / "evil.pt")
    assert "weights_only" not in str(told.value)
    assert not (tmp_path / "made").exists()


_KILLED = """
import os, signal, sys, torch
from fasttricks.data.unfinished import Unfinished
from fasttricks.train.checkpoint import Checkpoints
checkpoints = Checkpoints(sys.argv[1])
checkpoints.save({"w": torch.ones(3)}, step=1, epoch=0)
Unfinished.publish = lambda self: os.kill(os.getpid(), signal.SIGKILL)
checkpoints.save({"w": torch.ones(3)}, step=2, epoch=0)
"""


def test_killed_while_writing(tmp_path):
    done = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], check=False)
    assert done.returncode == -9
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.load_latest()["step"] == 1
    assert len(list(tmp_path.iterdir())) == 2  # and what was being written
    checkpoints.save(state(3), step=3, epoch=0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000001.pt", "step-00000003.pt"]


def test_generators_go_on_where_they_were(tmp_path):
    def draw():
        return random.random(), np.random.rand(), np.random.randn(), torch.rand(1).item()

    draw()
    path = Checkpoints(tmp_path).save({"rng": rng_state()}, step=0, epoch=0)
    expected = draw()
    draw()
    set_rng_state(load(path)["state"]["rng"])
    assert draw() == expected


def test_keep_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="keep=0"):
        Checkpoints(tmp_path, keep=0)
