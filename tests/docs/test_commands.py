"""The checks of commands find what is wrong with them."""

import shlex

import pytest

from tests.docs.commands import check, is_quick, smaller


def done(line, before=()):
    return check(shlex.split(line), set(before)).how


@pytest.mark.parametrize(
    "line",
    [
        "fasttricks bench --no-such-flag",
        "fasttricks nonsense",
        "fasttricks train no-such-recipe --data x",
        "fasttricks train tricks --data x --data.batch-size 0",
        "fasttricks bench --batch-size many",
        "torchrun --no-such-flag -m fasttricks recipes",
        "torchrun --nproc-per-node=8 train.py",
        "torchrun --nproc-per-node=8 -m fasttricks train tricks --no-such-flag",
        "make nothing-of-the-kind",
        "pip install 'fasttricks[no-such-extra]'",
        "python script.py",
        "python -m fasttricks.bench.memory --no-such-flag",
    ],
)
def test_a_command_that_cannot_be_meant_fails(line, capsys):
    with pytest.raises((AssertionError, SystemExit)):
        done(line)


def test_values_that_only_the_command_itself_checks_fail(capsys):
    with pytest.raises(ValueError, match="resnet51"):
        done("fasttricks bench --model resnet51")


@pytest.mark.parametrize(
    ("line", "how"),
    [
        ("fasttricks tricks mixup", "run"),
        ("fasttricks --version", "run"),
        ("fasttricks bench --kernels --device cpu", "parsed"),
        ("fasttricks train cpu-small --data imagenet --device cuda", "parsed"),
        ("fasttricks train tricks --data imagenet", "parsed"),
        ("fasttricks eval runs/nowhere --data imagenet", "parsed"),
        ("torchrun --nproc-per-node=8 -m fasttricks train tricks --data x --compile", "parsed"),
        ("python -m fasttricks recipes", "parsed"),
        ("make bench ARGS='--pipeline all'", "looked up"),
        ("pip install -e '.[roi,dali]'", "looked up"),
    ],
)
def test_what_is_done_with_a_command(line, how, capsys):
    assert done(line) == how


def test_a_command_that_fails_is_told(tmp_path, capsys):
    with pytest.raises(AssertionError, match="exit code 2"):
        done(f"fasttricks index {tmp_path}/nothing")


def test_a_command_is_run_once(capsys):
    line = "fasttricks index /no/such/place"
    assert done(line, [("index", "/no/such/place")]) == "run"


def test_what_is_run_is_made_smaller_after_the_readers_own_flags():
    asked = ["train", "cpu-small", "--schedule.epochs", "40"]
    assert is_quick(asked)
    assert smaller(asked)[4:6] == ["--schedule.epochs", "1"]
    assert smaller(["doctor", "x", "--scan"]) == ["doctor", "x", "--scan"]
