import json
from itertools import pairwise

import pytest

from fasttricks.bench import synthetic_check
from fasttricks.bench.synthetic_check import Facts, describe, main, read_facts, summarise
from fasttricks.data.synthetic import make_synthetic
from tests.pictures import jpeg


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """30 JPEGs: 18 of 4:4:4, 9 of 4:2:0, 3 grey, among files that are not JPEG."""
    root = tmp_path_factory.mktemp("real")
    for i in range(30):
        grey, subsampling = i % 10 == 9, 2 if i % 10 in (1, 4, 7) else 0
        options = {"channels": 1} if grey else {"subsampling": subsampling}
        (root / f"{i}.JPEG").write_bytes(jpeg(40 + i, 60, i, **options))
    (root / "notes.txt").write_text("not a picture")
    return root


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    return make_synthetic(tmp_path_factory.mktemp("made") / "set", count=24, workers=1)


def test_facts(real):
    facts = read_facts(real)
    assert len(facts) == 30
    rows = describe(facts)
    assert rows["width, mean"] == 60
    assert rows["height, median"] == 54.5
    assert rows["height, largest"] == 69
    assert rows["share 4:4:4"] == pytest.approx(0.6)
    assert rows["share 4:2:0"] == pytest.approx(0.3)
    assert rows["share grey"] == pytest.approx(0.1)
    assert rows["bytes/pixel, mean"] == pytest.approx(
        sum(len(f.data) / f.width / f.height for f in facts) / 30
    )


def test_every_file_is_decoded_once_a_round(real, monkeypatch):
    decoded = []
    monkeypatch.setattr(
        synthetic_check,
        "_decode_seconds",
        lambda files: decoded.extend(files) or len(files) * 0.002,
    )
    first = read_facts(real)
    second = [Facts(f.data, f.width, f.height, "other") for f in first[:20]]
    pairs = synthetic_check.decode_ms(first, second, rounds=2)
    assert pairs == [(pytest.approx(2.0), pytest.approx(2.0))] * 2
    assert all(decoded.count(file) == 3 for file in first + second)  # warm-up and two rounds
    sides = [file.layout == "other" for file in decoded[:50]]
    assert sum(a != b for a, b in pairwise(sides)) >= 20  # interleaved


def test_summary_is_of_ratios_within_rounds():
    result = summarise([(1.0, 1.1), (2.0, 2.0), (1.0, 0.9)])
    assert (result["ratio"], result["ratio_min"], result["ratio_max"]) == (1.0, 0.9, 1.1)
    assert (result["real_ms"], result["synthetic_ms"]) == (1.0, 1.1)


def test_command(real, synthetic, tmp_path, capsys):
    file = tmp_path / "result.json"
    arguments = ["--data", real, "--synthetic", synthetic, "--rounds", "1", "--json", file]
    assert main([str(a) for a in arguments]) == 0
    result = json.loads(file.read_text())
    assert result["real"]["files"] == 30
    assert result["synthetic"]["files"] == 24
    assert result["decode"]["all"]["ratio"] > 0
    assert set(result) >= {"machine", "versions", "date", "rounds"}
    table = capsys.readouterr().out.splitlines()
    assert table[2] == "| files | 30 | 24 |  |"
    assert all(line.count("|") == 5 for line in table)


def test_no_pictures_is_one_line_and_exit_2(tmp_path, synthetic, capsys):
    assert main(["--data", str(tmp_path), "--synthetic", str(synthetic)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "no JPEG files" in error
