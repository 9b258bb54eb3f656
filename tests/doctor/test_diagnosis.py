import json

import pytest

from fasttricks.doctor import diagnosis as module
from fasttricks.doctor.diagnosis import diagnose, document
from fasttricks.doctor.remedies import Topic
from tests.doctor.machines import machine, rates
from tests.pictures import jpeg


@pytest.fixture(autouse=True)
def _a_machine(monkeypatch):
    monkeypatch.setattr(module, "look_at_machine", machine)


def test_the_machine_alone_measures_nothing(monkeypatch):
    monkeypatch.setattr(module, "measure", lambda *_, **__: pytest.fail("measured"))
    found = diagnose(None)
    assert found.facts.data is None
    assert found.sound
    told = json.loads(json.dumps(document(found)))
    assert (told["data"], told["pictures"], told["measured"]) == (None, None, [])
    assert (told["pipeline"], told["num_threads"], told["doctor"]) == ("roi", 16, 1)


def test_quick_looks_and_does_not_measure(folder, monkeypatch):
    monkeypatch.setattr(module, "measure", lambda *_, **__: pytest.fail("measured"))
    told = json.loads(json.dumps(document(diagnose(folder, quick=True))))
    assert (told["data"], told["pictures"]["pictures"], told["sound"]) == (str(folder), 10, True)
    assert told["pipeline"] == "resident"


def test_what_is_measured_is_in_the_answer(folder, monkeypatch):
    given = {}

    def measure(facts, samples, good, *, budget_s):
        given.update(count=len(samples), good=sorted(good), budget=budget_s)
        return rates(resident=1000, roi=3000), {"dali": "no driver"}

    monkeypatch.setattr(module, "measure", measure)
    found = diagnose(folder)
    assert given["good"] == list(range(10))
    assert given["budget"] < module.WHOLE_S
    told = json.loads(json.dumps(document(found)))
    assert told["pipeline"] == "roi"
    assert [rate["images_per_s"] for rate in told["measured"]] == [1000, 3000]
    assert told["not_measured"] == {"dali": "no driver"}
    assert any("3,000 images/s" in one["text"] for one in told["answer"])


def test_what_is_wrong_makes_it_unsound(folder):
    (folder / "class_1" / "01.jpg").write_bytes(jpeg(60, 60)[:-99])
    found = diagnose(folder, quick=True)
    assert not found.sound
    assert [one.topic for one in found.answer].count(Topic.PROBLEM) == 1
