"""`fasttricks pack`: which destination takes which flag, and what is printed."""

import subprocess
import sys

import pytest

from fasttricks.cli import main
from fasttricks.data.open import open_data
from tests.pack.archives import synset_lines, write_val
from tests.pack.packs import contents, small_folder
from tests.pictures import jpeg


@pytest.fixture
def folder(tmp_path):
    return small_folder(tmp_path / "x", 5)


def test_a_pack(folder, tmp_path, capsys):
    assert main(["pack", str(folder), str(tmp_path / "p"), "--no-shuffle", "--no-index"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith(f"{tmp_path}/p: 5 samples, 1 shard, 0.0 MB, ")
    assert told.err == ""
    assert sorted(contents(tmp_path / "p")) == ["manifest.jsonl", "pack.index", "shard-000000.tar"]


def test_all_flags_reach_the_pack(folder, tmp_path, capsys):
    pytest.importorskip("fasttricks.pipelines.decode.turbojpeg", reason="no libturbojpeg")
    (folder / "class_0" / "progressive.jpg").write_bytes(jpeg(9, 9, progressive=True))
    flags = ["--baseline", "--max-size", "20", "--quality", "50", "--shard-size", "0.001"]
    assert main(["pack", str(folder), str(tmp_path / "p"), *flags, "--workers", "1"]) == 0
    told = capsys.readouterr().out
    assert "6 samples, 6 shards" in told
    assert "1 made baseline without loss (progressive)" in told
    assert "5 reduced (shorter side over 20)" in told
    assert len(open_data(tmp_path / "p")) == 6


def test_labels(tmp_path):
    archive, labels = write_val(tmp_path), tmp_path / "labels.txt"
    labels.write_bytes(synset_lines())
    assert main(["pack", str(archive), str(tmp_path / "p"), "--labels", str(labels)]) == 0
    assert len(open_data(tmp_path / "p")) == 6


def test_a_beton_from_any_source(folder, tmp_path, capsys):
    pytest.importorskip("fasttricks.pipelines.decode.turbojpeg", reason="no libturbojpeg")
    assert main(["pack", str(folder), str(tmp_path / "p")]) == 0
    for source in (folder, tmp_path / "p", tmp_path / "p" / "shard-000000.tar"):
        target = tmp_path / f"{source.name}.beton"
        assert main(["pack", str(source), str(target), "--mode", "jpg", "--quality", "50"]) == 0
        assert "5 samples" in capsys.readouterr().out.splitlines()[-1]
        assert target.is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["p", "--mode", "raw"], "--mode is for a .beton, and p becomes a pack of tar shards"),
        (["p.beton", "--baseline"], "--baseline is for a pack of tar shards, and p.beton becomes"),
        (["p.beton", "--no-shuffle"], "--no-shuffle is for a pack of tar shards"),
        (["p.beton", "--no-index"], "--no-index is for a pack of tar shards"),
        (["p.beton", "--shard-size", "10"], "--shard-size is for a pack of tar shards"),
        (["p", "--quality", "50"], "--quality is for pictures that --max-size reduces"),
        (["p", "--max-size", "0"], "--max-size must be at least 1; got 0"),
        (["p.beton", "--mode", "jpg", "--max-size", "-1"], "--max-size must be at least 1; got -1"),
        (["p", "--max-size", "9", "--quality", "0"], "--quality must be 1 to 100; got 0"),
        (["p", "--shard-size", "0"], "--shard-size must be more than 0 MB; got 0.0"),
        (["p", "--shard-size", "inf"], "--shard-size must be more than 0 MB; got inf"),
        (["p", "--labels", "nowhere"], "labels are for ILSVRC2012_img_val.tar"),
        (["p", "--workers", "0"], "--workers must be at least 1; got 0"),
    ],
)
def test_mistakes(arguments, words, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["pack", "x", *arguments]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert len(told.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_an_interrupt_says_what_is_kept(folder, tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt("; kept")

    monkeypatch.setattr("fasttricks.pack.pack", interrupted)
    assert main(["pack", str(folder), str(tmp_path / "p")]) == 130
    assert capsys.readouterr().err == "fasttricks: interrupted; kept\n"


def test_flags_are_understood_before_anything_heavy_is_imported():
    code = (
        "import sys\nfrom fasttricks.cli import main\n"
        "try: main(['pack', '--help'])\nexcept SystemExit: pass\n"
        "main(['pack', 'x', 'p.beton', '--baseline'])\n"
        "print([m for m in ('torch', 'numba', 'PIL', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--shard-size" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
