from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fasttricks.errors import DataError
from fasttricks.report.results import read_runs
from tests.report import made


def test_each_mode_is_known_and_keeps_its_order(tmp_path: Path) -> None:
    files = [
        made.write(tmp_path / "a", *made.loaders()),
        made.write(tmp_path / "b", made.kernel()),
        made.write(tmp_path / "c", made.model()),
        made.write(tmp_path / "d", *made.trains()),
        made.write(tmp_path / "e", made.rung("baseline")),
        made.write(tmp_path / "f", {"mode": "tomorrow", "x": 1}),
    ]
    document = tmp_path / "g"
    document.write_text(json.dumps(made.memory(5.0), indent=1))
    runs = read_runs([*files, document])
    modes = ["pipelines", "kernels", "models", "train", "ablation", "tomorrow", "memory"]
    assert [run.mode for run in runs] == modes
    assert [run.path.name for run in runs] == list("abcdefg")
    assert len(runs[0].rows) == 5


def test_runs_put_into_one_file_are_told_apart(tmp_path: Path) -> None:
    later = made.loader(date="2026-05-05")
    path = made.write(tmp_path / "a", made.loader(), made.loader("dali"), later, made.kernel())
    assert [len(run.rows) for run in read_runs([path])] == [2, 1, 1]


def test_what_was_added_later_is_filled_in(tmp_path: Path) -> None:
    old = made.loader(reencoded=True)
    for key in ("pixels", "uncut", "own", "batches", "shards", "decode_s", "notes"):
        del old[key]
    (run,) = read_runs([made.write(tmp_path / "a", old)])
    assert run.about["pixels"] == "encoded again"
    assert (run.about["batches"], run.about["notes"]) == (True, [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no results"),
        ("\n \n", "holds no results"),
        ("hello", "line 1: not JSON"),
        ('{"row": "roi"}\n{"row": ', "line 2: not JSON"),
        ('{"row": "x", "images_per_s": NaN}', "not JSON (NaN is no number)"),
        ("[1, 2]", "not a result of fasttricks bench"),
        ('{"name": "package"}', "not a result of fasttricks bench"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_result_is_told_by_file_and_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_runs([path])
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    binary = tmp_path / "x"
    binary.write_bytes(b"\xff\xd8\xff\xe0")
    for path, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "none", "No such file"),
        (binary, "bytes that are no text"),
    ):
        with pytest.raises(DataError, match=words):
            read_runs([path])


CHANGED: list[tuple[dict[str, Any], str]] = [
    ({"images_per_s": "fast"}, "images_per_s"),
    ({"images_per_s": 0}, "images_per_s"),
    ({"rates": [1.0, None]}, "rates"),
    ({"stages": {"decode": "long"}}, "stages"),
    ({"threads": True}, "threads"),
    ({"own": {"row": "roi"}}, "own"),
    ({"uncut": {"stale": 1}}, "uncut"),
    ({"notes": "none"}, "notes"),
    ({"machine": "this one"}, "machine"),
]


def test_memory_of_another_form_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unknown form of 'results'"):
        read_runs([made.write(tmp_path / "a", made.memory(1.0) | {"results": [{}]})])


@pytest.mark.parametrize(("changes", "key"), CHANGED)
def test_a_row_of_another_version_is_told(
    tmp_path: Path, changes: dict[str, Any], key: str
) -> None:
    row = made.loader(**changes)
    row["versions"] = {"fasttricks": "9.9.9"}
    with pytest.raises(DataError, match=rf"'{key}'; written by fasttricks 9\.9\.9, this is"):
        read_runs([made.write(tmp_path / "a", row)])


@pytest.mark.parametrize(
    ("row", "key"),
    [
        (made.loader(), "p20"),
        (made.kernel(), "us"),
        (made.model(), "copy_share"),
        (made.train("loader", "roi"), "step_ms"),
        (made.rung("x"), "paper_top1"),
    ],
)
def test_a_row_that_lacks_something_is_told(tmp_path: Path, row: made.Row, key: str) -> None:
    del row[key]
    with pytest.raises(DataError, match=f"without '{key}'"):
        read_runs([made.write(tmp_path / "a", row)])
