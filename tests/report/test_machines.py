from pathlib import Path

from fasttricks.report.machines import distinct, sections
from fasttricks.report.results import Run
from tests.report import made


def run(**changes: object) -> Run:
    return Run(path=Path("x.json"), mode="kernels", rows=[made.kernel(**changes)])


def test_a_machine_is_told_once_and_versions_by_run_where_they_differ() -> None:
    newer = {**made.COMMON["versions"], "PIL": "Pillow 13", "timm": "1.0"}
    (found,) = sections([run(), run(versions=newer)])
    machine, versions = (dict(map(tuple, table.lines)) for table in found.tables)
    assert machine["processor"] == "A CPU"
    assert machine["GPUs"] == "none"
    assert versions["python"] == "3.12.1"
    assert versions["PIL"] == "pillow-simd 12 (run 1); Pillow 13 (run 2)"
    assert versions["timm"] == "1.0 (run 2)"


def test_two_machines_are_two_sections() -> None:
    other = {**made.COMMON["machine"], "gpus": ["A GPU (driver 1)"]}
    runs = [run(), run(machine=other), run()]
    assert len(distinct(runs)) == 2
    assert [section.title[-1] for section in sections(runs)] == ["1", "2"]


def test_without_a_machine_there_is_none() -> None:
    assert sections([run(machine=None)]) == []
