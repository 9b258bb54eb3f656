from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fasttricks.bench.scripts.measure import measure, results
from fasttricks.bench.scripts.steps import steps_torchvision
from fasttricks.bench.scripts.watch import Reading, Trainer
from fasttricks.bench.scripts.window import Window


def readings(*seconds: float) -> list[Reading]:
    return [Reading(steps=4, seconds=s, cpu_s=2 * s, whole_s=s + 10) for s in seconds]


def test_ratios_are_of_the_same_round() -> None:
    # The machine is half as fast in the second round; ours is 1.25 times as fast in each.
    rows = results({"fasttricks roi": readings(4, 8, 4), "timm": readings(5, 10, 5)}, batch_size=8)
    ours, theirs = rows
    assert ours["to"]["timm"]["speed"] == {"ratio": 1.25, "p20": 1.25, "p80": 1.25}
    assert ours["to"]["timm"]["cpu"]["ratio"] == 1.25
    assert ours["to"]["timm"]["whole"]["ratio"] == round(15 / 14, 4)
    assert (ours["rates"], ours["images_per_s"]) == ([8.0, 4.0, 8.0], 8.0)
    assert ours["cpu_s_per_1000"] == 250.0  # 8 s for 32 pictures
    assert theirs["to"] == {}
    assert theirs["wholes"] == [15, 20, 15]


def test_where_a_trainer_does_other_steps_it_is_per_step() -> None:
    half = [Reading(steps=2, seconds=2.0, cpu_s=0.0, whole_s=5.0)] * 3
    rows = results({"fasttricks roi": half, "timm": readings(4, 4, 4)}, batch_size=8)
    assert rows[0]["to"]["timm"]["speed"]["ratio"] == 1.0
    assert "cpu" not in rows[0]["to"]["timm"]  # the kernel counted nothing


def test_all_take_turns_in_folders_of_their_own(tmp_path: Path) -> None:
    code = (
        "import sys, time; out, order, name = sys.argv[1:]\n"
        "open(out + '/own', 'x'); open(order, 'a').write(name)\n"
        "for step in range(4): time.sleep(0.02); print(f'Epoch: [0]  [{step}/4]', flush=True)"
    )

    def trainer(name: str) -> Trainer:
        def command(out: Path) -> list[str]:
            return [sys.executable, "-c", code, str(out), str(tmp_path / "order"), name]

        return Trainer(row=name, command=command, steps=steps_torchvision)

    told: list[str] = []
    found = measure(
        [trainer("a"), trainer("b")],
        Window(warm=1, timed=2, rest=1),
        os.environ,
        rounds=2,
        tell=told.append,
    )
    assert (tmp_path / "order").read_text() == "abba"
    assert [len(those) for those in found.values()] == [2, 2]
    assert told[0] == "a: round 1 of 2"
    with pytest.raises(KeyError):
        found["c"]
