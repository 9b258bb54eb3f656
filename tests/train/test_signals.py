"""Signals leave a note while a Stopper is entered, and do what they did before afterwards."""

import os
import signal
import threading

import pytest

from fasttricks.train.signals import Stopper


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_a_note(number):
    with Stopper() as stopper:
        assert stopper.asked == ""
        os.kill(os.getpid(), number)
        assert stopper.asked == number.name


def test_the_second_interrupt_interrupts():
    with Stopper():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL  # a third one does not wait
    assert signal.getsignal(signal.SIGINT) != signal.SIG_DFL


@pytest.mark.parametrize(
    ("rank", "size", "told"),
    [
        ("0", "1", "fasttricks: stopping after this batch; Ctrl-C again ends at once\n"),
        (
            "0",
            "4",
            "fasttricks: stopping after one of the next batches; Ctrl-C again ends at once\n",
        ),
        ("3", "4", ""),
    ],
)
def test_the_note_is_told_at_once_and_once(rank, size, told, monkeypatch, capfd):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", size)
    with Stopper():
        os.kill(os.getpid(), signal.SIGTERM)
        assert capfd.readouterr().err == told
        os.kill(os.getpid(), signal.SIGTERM)
        assert capfd.readouterr().err == ""


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with Stopper():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_other_threads_may_use_it():
    failures = []

    def use():
        try:
            with Stopper() as stopper:
                assert stopper.asked == ""
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert not failures
