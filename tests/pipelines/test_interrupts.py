"""Threads that cannot all be started, or an interrupt meanwhile, do not leave a loader hanging."""

import threading

import pytest

from tests.pipelines.agreement import assert_same, collect


def in_time(work, seconds=60):
    """What work() gives, from a thread that is given up where it hangs."""
    found = []
    thread = threading.Thread(target=lambda: found.append(work()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, "it hangs, or has failed"
    return found[0]


def interrupted(submit, at):
    """`submit`, but the call number `at` raises before it does anything."""
    calls = iter(range(100))

    def some(*given):
        if next(calls) == at:
            raise KeyboardInterrupt
        return submit(*given)

    return some


@pytest.mark.parametrize("name", ["roi", "resident"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_interrupt_while_threads_are_started(name, at, pictures, open_loader, monkeypatch):
    with open_loader(name, pictures, num_threads=3, batch_size=4) as loader:
        expected = collect(loader)
        loader.set_epoch(0)
        with monkeypatch.context() as patch:
            patch.setattr(loader._threads, "submit", interrupted(loader._threads.submit, at))
            with pytest.raises(KeyboardInterrupt):
                next(iter(loader))
        loader.set_epoch(0)
        assert_same(in_time(lambda: collect(loader)), expected)
