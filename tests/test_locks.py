import fcntl

from fasttricks import locks


def test_waiting_for_what_is_claimed_at_the_third_try(monkeypatch, capsys):
    monkeypatch.setattr(locks, "_LOOK_S", 0.01)
    monkeypatch.setattr(locks, "_SAY_AFTER_S", 0.0)
    tries = iter([None, None, 0])  # 0 is a descriptor, too
    assert locks.wait_for(lambda: next(tries), "another process") == 0
    assert capsys.readouterr().err == "fasttricks: waiting for another process\n"


def test_nothing_is_said_without_waiting(monkeypatch, capsys):
    monkeypatch.setattr(locks, "_SAY_AFTER_S", 0.0)
    assert locks.wait_for(lambda: "at once", "nobody") == "at once"
    assert capsys.readouterr().err == ""


def test_a_file_that_was_replaced_is_no_longer_there(tmp_path):
    path = tmp_path / "a"
    with open(path, "wb") as file:
        assert locks.is_at(file.fileno(), path)
        (tmp_path / "b").touch()
        (tmp_path / "b").replace(path)
        assert not locks.is_at(file.fileno(), path)
        path.unlink()
        assert not locks.is_at(file.fileno(), path)


def test_what_is_locked_is_not_abandoned(tmp_path):
    for name in "abc":
        (tmp_path / name).touch()
    with open(tmp_path / "b", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        locks.remove_abandoned([tmp_path / name for name in ("a", "b", "gone")])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c"]
