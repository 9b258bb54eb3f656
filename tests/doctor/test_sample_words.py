from fasttricks.data.folder import scan_folder
from fasttricks.data.seek.build import build_index
from fasttricks.doctor.sample import PlanOf, sample_facts
from fasttricks.doctor.sample_words import show_facts


def told(capsys, samples, number):
    show_facts(sample_facts(samples, number, PlanOf()))
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_all_sections_are_there(folder, capsys):
    samples = scan_folder(folder)
    build_index(samples)
    lines = told(capsys, samples, 0)
    for section in ("sample", "findings", "picture", "jpeg", "seek index", "plan", "cut"):
        assert section in lines
    assert "broken nothing" in lines
    assert "quality 90 of libjpeg's tables" in lines
    assert "status can be cut" in lines
    assert [line for line in lines if line.startswith("share") and line.endswith("% of the file")]
    assert [line for line in lines if line.startswith("box") and "at row" in line]
    assert sum(line.startswith("components id") for line in lines) == 3


def test_faults_and_odd_names_are_told_on_one_line(folder, capsys):
    (folder / "class_0" / "a\nb.jpg").write_bytes(b"no picture")
    lines = told(capsys, scan_folder(folder), 5)
    assert "broken PIL does not recognise it as a picture" in lines
    assert [line for line in lines if "a\\nb.jpg" in line]
    assert "plan" not in lines
