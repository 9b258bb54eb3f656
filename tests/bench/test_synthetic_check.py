import json
from itertools import pairwise

import pytest

from fasttricks.bench import synthetic_check
from fasttricks.bench.synthetic_check import Config, JpegFile, describe, main, read_files, summarise
from fasttricks.data.synthetic import make_synthetic
from fasttricks.errors import DataError
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


def test_description(real):
    files = read_files(real)
    assert len(files) == 30
    rows = describe(files)
    assert rows["width, mean"] == 60
    assert rows["height, median"] == 54.5
    assert rows["height, largest"] == 69
    assert rows["share 4:4:4"] == pytest.approx(0.6)
    assert rows["share 4:2:0"] == pytest.approx(0.3)
    assert rows["share grey"] == pytest.approx(0.1)
    assert rows["bytes/pixel, mean"] == pytest.approx(
        sum(len(f.data) / f.width / f.height for f in files) / 30
    )


def test_every_file_is_decoded_once_a_round(real, monkeypatch):
    decoded = []
    monkeypatch.setattr(
        synthetic_check,
        "_decode_seconds",
        lambda files: decoded.extend(files) or len(files) * 0.002,
    )
    first = read_files(real)
    second = [JpegFile(f.data, f.width, f.height, "other") for f in first[:20]]
    pairs = synthetic_check.decode_ms(first, second, rounds=2)
    assert pairs == [(pytest.approx(2.0), pytest.approx(2.0))] * 2
    assert all(decoded.count(file) == 3 for file in first + second)  # warm-up and two rounds
    sides = [file.layout == "other" for file in decoded[:50]]
    assert sum(a != b for a, b in pairwise(sides)) >= 20  # interleaved


def test_summary_is_of_ratios_within_rounds():
    result = summarise([(1.0, 1.1), (2.0, 2.0), (1.0, 0.9)])
    assert (result["ratio"], result["ratio_min"], result["ratio_max"]) == (1.0, 0.9, 1.1)
    assert (result["real_ms"], result["synthetic_ms"]) == (1.0, 1.1)


def test_table_and_file(real, synthetic, tmp_path, capsys):
    file = tmp_path / "result.json"
    main(Config(data=real, synthetic=synthetic, rounds=1, json=file))
    result = json.loads(file.read_text())
    assert result["real"]["files"] == 30
    assert result["synthetic"]["files"] == 24
    assert result["decode"]["all"]["ratio"] > 0
    assert set(result) >= {"machine", "versions", "date", "commit", "rounds"}
    assert "libjpeg-turbo" in result["versions"]
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["real", "synthetic", "ratio"]
    assert table[1].split() == ["files", "30", "24"]


def test_mistakes_are_one_line(real, synthetic, tmp_path):
    with pytest.raises(DataError, match="no JPEG files"):
        main(Config(data=tmp_path, synthetic=synthetic))
    with pytest.raises(ValueError, match="--rounds"):
        main(Config(data=real, synthetic=synthetic, rounds=0))
