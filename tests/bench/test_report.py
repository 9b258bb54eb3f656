from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fasttricks.bench import report
from fasttricks.errors import DataError


def row(**changes: Any) -> dict[str, Any]:
    given = {"row": "dali", "threads": 2, "device": "cpu", "batch_size": 64, "size": 224}
    return {**given, "work": "full", "images_per_s": 100.0, "dtype": "float32", **changes}


def test_written_rows_are_read_again(tmp_path: Path) -> None:
    rows = [row(), row(row="naïve")]
    report.write(tmp_path / "r.json", rows)
    assert report.read(tmp_path / "r.json") == rows
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    assert (tmp_path / "r.json").stat().st_mode & 0o777 == 0o644


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    report.write(tmp_path / "r.json", [row()])
    with pytest.raises(TypeError):
        report.write(tmp_path / "r.json", [row(), {"not json": object()}])
    assert report.read(tmp_path / "r.json") == [row()]
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no rows"),
        ("{}\n", "line 1: not a row of such a fasttricks bench"),
        ("[1, 2]\n", "line 1: not a row"),
        ('{"row": "dali"}\n', "line 1: not a row"),
        ("images/s\n", "line 1: not JSON"),
    ],
)
def test_files_of_another_shape(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(DataError, match=message):
        report.read(tmp_path / "r.json")


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_bytes(b"\xff\xfe\x00")
    for name in ("r.json", "missing.json", "."):
        with pytest.raises(DataError, match="cannot read"):
            report.read(tmp_path / name)


def test_pairs_agree_in_everything_that_matters() -> None:
    then = [row(images_per_s=50.0), row(threads=1), row(row="ffcv")]
    assert report.paired([row()], then) == [(row(), then[0])]
    for change in (
        {"threads": 4},
        {"batch_size": 32},
        {"work": "decode"},
        {"device": "cuda"},
        {"size": 96},
        {"eval": True},
        {"cold": True},
        {"dtype": "float16"},
    ):
        assert report.paired([row(**change)], then) == []


def test_what_cannot_be_shown_is_written_and_what_cannot_be_written_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        report.finish([row()], tmp_path / "r.json", gone)
    assert report.read(tmp_path / "r.json") == [row()]
    shown: list[Any] = []
    with pytest.raises(DataError, match="cannot write"):
        report.finish([row()], tmp_path / "no" / "r.json", lambda rows, _: shown.extend(rows))
    report.finish([row()], None, lambda rows, _: shown.extend(rows))
    assert shown == [row(), row()]
