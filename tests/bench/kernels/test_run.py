from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from fasttricks.bench import run as bench
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.kernels import run
from fasttricks.bench.kernels.case import Case, Way
from fasttricks.bench.kernels.measure import Times
from fasttricks.errors import DataError, UnknownNameError


def settings(**changes: Any) -> BenchConfig:
    given = {"kernels": True, "seconds": 0.01, "rounds": 1, "batch_size": 2, "size": 32}
    return BenchConfig(**{**given, **changes})


def row(**changes: Any) -> dict[str, Any]:
    given = {
        "row": "finish 2 x 32 x 32 to float32",
        "way": "fasttricks",
        "us": {"p20": 10.0, "median": 12.5, "p80": 1234.56},
        "gb_per_s": 14.02,
        "copy_share": 0.423,
        "copy_gb_per_s": 33.1,
        "ratio": 1.0,
        "differs": "",
        "device": "cpu",
        "rounds": 2,
        "seconds": 0.5,
        "machine": {"cpu": "A CPU", "cores": 8, "usable_cores": 2, "gpus": []},
        "versions": {"python": "3.12.1", "torch": "2.15", "PIL": "pillow-simd 12"},
        "failed": [],
    }
    return {**given, **changes}


def shown(*rows: dict[str, Any]) -> str:
    out = io.StringIO()
    run.show(rows, Console(file=out))
    return out.getvalue()


def test_the_command_measures_shows_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "k.json"
    assert bench.run(settings(json=path, only="finish 2 x 32 x 32 to float32,resize 100")) == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    table = capsys.readouterr().out
    assert {row["row"].split()[0] for row in rows} == {"resize", "finish"}
    assert rows[0]["way"] == "fasttricks"
    for row in rows:
        assert row["row"] in table
        assert row["way"] in table
        assert row["turns"] >= 5
        assert row["gb_per_s"] > 0
        assert (row["device"], row["batch_size"], row["size"]) == ("cpu", 2, 32)
        assert {"cpu", "cores"} <= row["machine"].keys()
        assert {"PIL", "torch", "numba"} <= row["versions"].keys()
        assert {"date", "commit", "command"} <= row.keys()
        assert row["failed"] == []


def doubled(name: str, *ways: Way) -> Case:
    return Case(
        name=name,
        nbytes=16 << 20,  # as if: with fewer, very many copies exceed the cache
        make=lambda seed: np.arange(4.0) + seed,
        reference=lambda given: 2 * given,
        rtol=0,
        atol=0,
        ways=ways,
    )


def double(given: Any) -> Any:
    return 2 * given


def fails_from(number: int) -> Callable[[Any], Any]:
    """Works at first, as when memory runs out later."""
    calls = itertools.count(1)

    def call(given: Any) -> Any:
        if next(calls) >= number:
            raise RuntimeError("it is\n  broken")
        return 2 * given

    return call


OURS, OTHER = Way(name="fasttricks", call=double), Way(name="other", call=double)


def outcome(
    monkeypatch: pytest.MonkeyPatch, path: Path, *cases: Case
) -> tuple[int, list[dict[str, Any]]]:
    monkeypatch.setattr(run, "all_cases", lambda _: cases)
    code = bench.run(settings(json=path, rounds=3))
    return code, [json.loads(line) for line in path.read_text().splitlines()]


def test_what_fails_of_others_is_said_and_the_rest_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    broken = Way(name="DALI", call=fails_from(1))
    cases = doubled("first", OURS, broken, OTHER), doubled("second", OURS, OTHER)
    code, rows = outcome(monkeypatch, tmp_path / "k.json", *cases)
    assert code == 0
    assert [(row["row"], row["way"]) for row in rows] == [
        (name, way) for name in ("first", "second") for way in ("fasttricks", "other")
    ]
    line = "first: DALI failed: RuntimeError: it is broken"
    assert all(row["failed"] == [line] and row["turns"] >= 5 for row in rows)
    told = capsys.readouterr()
    assert f"failed: {line}\n" in told.out
    assert told.err.count(line) == 1


@pytest.mark.parametrize("call", [fails_from(1), lambda given: 3 * given])
def test_when_ours_fails_or_is_wrong_the_others_are_measured_and_it_is_a_failure(
    call: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    broken = Way(name="fasttricks", call=call)
    cases = doubled("first", broken, OTHER), doubled("second", OURS, OTHER)
    code, rows = outcome(monkeypatch, tmp_path / "k.json", *cases)
    assert code == 2
    assert [row["row"] for row in rows] == ["second", "second"]
    (line,) = rows[0]["failed"]
    assert line.startswith("first: fasttricks failed: ")
    assert line.endswith("; not timed without it: other")
    assert line in capsys.readouterr().err


@pytest.mark.parametrize("number", [2, 500])
@pytest.mark.parametrize("ours", [True, False])
def test_what_fails_later_is_left_out_and_not_passed_in_silence(
    ours: bool, number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    """A way of others alone; with ours its case, as there is nothing to compare with."""
    tired = replace(OURS if ours else OTHER, call=fails_from(number))
    first = doubled("first", tired, OTHER) if ours else doubled("first", OURS, tired)
    code, rows = outcome(monkeypatch, tmp_path / "k.json", first, doubled("second", OURS, OTHER))
    assert code == (2 if ours else 0)
    left = [("second", OURS.name), ("second", OTHER.name)]
    expected = left if ours else [("first", OURS.name), *left]
    assert [(row["row"], row["way"]) for row in rows] == expected
    line = f"first: {tired.name}: not timed to the end: RuntimeError: it is broken"
    assert rows[0]["failed"] == [line]
    assert capsys.readouterr().err.count(line) == 1


def test_another_way_of_ours_that_fails_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = Way(name="fasttricks torch", call=fails_from(1))
    code, rows = outcome(monkeypatch, tmp_path / "k.json", doubled("first", OURS, broken, OTHER))
    assert code == 2
    assert [row["way"] for row in rows] == ["fasttricks", "other"]


def test_when_nothing_could_be_measured_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    broken = Way(name="fasttricks", call=fails_from(1))
    monkeypatch.setattr(run, "all_cases", lambda _: [doubled("only", broken)])
    assert bench.run(settings(json=tmp_path / "k.json")) == 2
    assert list(tmp_path.iterdir()) == []
    assert "only: fasttricks failed: RuntimeError: it is broken\n" in capsys.readouterr().err


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(run, "is_installed", lambda package: package != "kornia")
    monkeypatch.setattr(run, "all_cases", lambda _: [doubled("only", OURS)])
    assert bench.run(settings()) == 0
    assert "left out, as not installed: kornia\n" in capsys.readouterr().err


def test_a_reader_who_has_left_costs_no_measurement(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def gone(*_: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(run, "all_cases", lambda _: [doubled("only", OURS)])
    monkeypatch.setattr(run, "show", gone)
    with pytest.raises(BrokenPipeError):
        bench.run(settings(json=tmp_path / "k.json"))
    assert json.loads((tmp_path / "k.json").read_text())["row"] == "only"


def test_mistakes_are_found_first(tmp_path: Path) -> None:
    with pytest.raises(
        UnknownNameError, match=r"unknown kernel 'mux'; (did you mean .*)?known: resize"
    ):
        bench.run(settings(only="resize,mux"))
    with pytest.raises(DataError, match="cannot write"):
        bench.run(settings(json=tmp_path / "no" / "k.json"))


def test_kernels_are_chosen_by_how_they_begin() -> None:
    def case(name: str, usual: bool = True) -> Case:
        return Case(
            usual=usual,
            name=name,
            nbytes=1,
            make=int,
            reference=lambda _: None,  # type: ignore[arg-type, return-value]
            rtol=0,
            atol=0,
            ways=(Way(name="a", call=id),),
        )

    cases = [case("resize a"), case("finish a"), case("finish b"), case("finish c", usual=False)]
    assert run.chosen(cases, []) == cases[:3]
    assert run.chosen(cases, ["finish b", "resize"]) == [cases[0], cases[2]]
    assert run.chosen(cases, ["finish"]) == cases[1:]


def test_the_time_of_a_kernel_is_shared_by_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, int]] = []

    def measure(case: Case, clock: object, seconds: float, times: Times, fewest: int) -> None:
        asked.append((seconds, fewest))
        times.copy_bytes = 1
        times.copy.append(1.0)
        for seen in times.ways:
            seen.append(1.0)

    monkeypatch.setattr(run, "measure", measure)
    assert bench.run(settings(only="resize 100", seconds=6, rounds=3)) == 0
    assert len(asked) % 3 == 0
    assert set(asked) == {(2, 2)}


def test_ways_stand_under_their_kernel() -> None:
    text = shown(row(), row(way="DALI", differs="no hue", ratio=4.25), row(row="resize"))
    lines = text.splitlines()
    assert "one thread, 0.5 s a kernel in 2 rounds, in turn" in lines
    at = lines.index("finish 2 x 32 x 32 to float32")
    assert lines[at + 1].split() == ["fasttricks", "12.5", "10.0-1,234.6", "14", "42%", "1.00"]
    assert lines[at + 2].split()[:2] == ["DALI", "~"]
    assert lines[at + 2].split()[-1] == "4.25"
    assert lines[at + 3] == "resize"
    assert "DALI ~: other work: no hue" in lines
    assert "33.1 to 33.1 GB/s" in text
    assert "cold L2" in shown(row(device="cuda"))


def test_a_way_that_differs_in_several_says_for_which_kernels() -> None:
    names = "stage hsv 2 x 32 x 32", "mix ricap 2 x 32 x 32 to float16", "mix ricap 9 x 9 x 9"
    rows = [row(row=name, way="v2", differs=f"other {name[0]}") for name in names]
    text = shown(*rows, row(way="PIL", differs="slow"))
    assert "v2 ~ (stage hsv): other work: other s\n" in text
    assert "v2 ~ (mix ricap): other work: other m\n" in text
    assert "PIL ~: other work: slow\n" in text
