"""The command as a user meets it."""

import json
import subprocess
import sys

import pytest

from fasttricks.cli import main
from fasttricks.data.folder import scan_folder
from fasttricks.pipelines.beton.pack import pack
from tests.doctor.sets import make_folder, make_pack
from tests.pictures import jpeg


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "data")


def doctor(*arguments):
    return main(["doctor", *map(str, arguments)])


def test_sound_sets_of_all_kinds_give_0(folder, tmp_path, capsys):
    make_pack(tmp_path / "pack", folder)
    pack(folder, tmp_path / "a.beton", progress=False)
    for data in (folder, tmp_path / "pack", tmp_path / "a.beton"):
        target = tmp_path / "found.json"
        assert doctor(data, "--scan", "--json", target) == 0
        assert json.loads(target.read_bytes())["sound"] is True
        assert "10: 10 plain" in capsys.readouterr().out


def test_broken_sets_give_1_and_name_what_is_broken(folder, tmp_path, capsys):
    (folder / "class_1" / "00.jpg").write_bytes(jpeg(60, 60)[:-99])
    target = tmp_path / "found.json"
    assert doctor(folder, "--scan", "--json", target, "--workers", 1) == 1
    out = capsys.readouterr()
    assert f"{folder / 'class_1' / '00.jpg'} (sample 5): " in out.out
    assert out.err == ""  # no progress bar where nobody watches
    (broken,) = json.loads(target.read_bytes())["broken"]
    assert broken["index"] == 5


def test_one_sample(folder, tmp_path, capsys):
    target = tmp_path / "facts.json"
    assert doctor(folder, "--sample", 3, "--epoch", 2, "--seed", 5, "--json", target) == 0
    facts = json.loads(target.read_bytes())
    assert (facts["sample"]["index"], facts["plan"]["epoch"], facts["plan"]["seed"]) == (3, 2, 5)
    assert facts["sample"]["name"] in capsys.readouterr().out
    scan_folder(folder).path(3).write_bytes(b"")
    assert doctor(folder, "--sample", 3) == 1


def test_another_index_file(folder, tmp_path, capsys):
    path = tmp_path / "own.seek"
    assert main(["index", str(folder), "--out", str(path)]) == 0
    assert doctor(folder, "--scan", "--index", path) == 0
    assert f"{path}: 10 entries" in capsys.readouterr().out
    path.write_bytes(path.read_bytes()[:-1])
    assert doctor(folder, "--scan", "--index", path) == 1
    assert doctor(folder, "--scan", "--index", tmp_path / "nothing") == 2


def test_val(tmp_path, capsys):
    make_folder(tmp_path / "both" / "train", count=6)
    make_folder(tmp_path / "both" / "val", count=4)
    assert doctor(tmp_path / "both", "--scan") == 0
    assert doctor(tmp_path / "both", "--scan", "--eval") == 0
    out = capsys.readouterr().out
    assert out.index("6 pictures") < out.index("4 pictures")
    assert doctor(tmp_path / "both", "--sample", "3", "--eval") == 0
    assert "evaluation" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scan", "--sample", "1"], "one of --scan"),
        (["--scan", "--quick"], "--quick is for"),
        (["--sample", "10"], "samples go from 0 to 9"),
        (["--sample", "-1"], "samples go from 0 to 9"),
        (["--sample", "1", "--epoch", "-1"], "--epoch must lie in"),
        (["--scan", "--workers", "0"], "workers must be at least 1; got 0"),
        (["--scan", "--json", "/"], "is a folder"),
    ],
)
def test_mistakes_are_one_line_and_2(folder, capsys, arguments, words):
    assert doctor(folder, *arguments) == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert words in out.err
    assert len(out.err.splitlines()) == 1


def test_missing_data(tmp_path, capsys):
    assert doctor(tmp_path / "nothing", "--scan") == 2
    assert "nothing does not exist" in capsys.readouterr().err
    assert doctor(tmp_path / "nothing") == 2
    assert "nothing does not exist" in capsys.readouterr().err
    for look in (["--scan"], ["--sample", "1"]):
        assert doctor(*look) == 2
        assert "say whose pictures" in capsys.readouterr().err


def test_machine_and_data_as_a_whole(folder, tmp_path, capsys):
    target = tmp_path / "found.json"
    assert doctor(folder, "--quick", "--json", target) == 0
    told = json.loads(target.read_bytes())
    assert (told["pictures"]["pictures"], told["pipeline"]) == (10, "resident")
    out = capsys.readouterr()
    assert "Use resident" in out.out
    assert out.err == ""
    assert doctor("--json", target) == 0
    assert json.loads(target.read_bytes())["pictures"] is None
    assert "fasttricks doctor DATA" in capsys.readouterr().out


def test_what_is_wrong_with_the_data_gives_1(tmp_path, capsys):
    make_folder(tmp_path / "both" / "train", count=4)
    make_folder(tmp_path / "both" / "val", count=6)
    assert doctor(tmp_path / "both", "--quick") == 1
    assert "they look swapped" in capsys.readouterr().out


def test_help_and_mistakes_import_nothing_heavy(folder):
    code = (
        "import sys\nfrom fasttricks.cli import main\n"
        f"main(['doctor', {str(folder)!r}, '--scan', '--quick'])\n"
        "try: main(['doctor', '--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'numba', 'PIL', 'ffcv', 'nvidia.dali') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
