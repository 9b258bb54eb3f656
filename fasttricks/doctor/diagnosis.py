"""`fasttricks doctor [DATA]`: look, measure briefly, answer; and all of it as one document."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fasttricks.doctor.advice import advise
from fasttricks.doctor.choice import choose
from fasttricks.doctor.dataset import look_at_data
from fasttricks.doctor.document import FORMAT
from fasttricks.doctor.facts import Facts
from fasttricks.doctor.machine import look_at_machine
from fasttricks.doctor.measure import measure
from fasttricks.doctor.remedies import Advice, Topic
from fasttricks.version import __version__

WHOLE_S = 55.0
"""Nothing is measured any more after this many seconds."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What was found and what follows from it."""

    facts: Facts
    answer: tuple[Advice, ...]
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong with machine or data."""
        return all(one.topic is not Topic.PROBLEM for one in self.answer)


def diagnose(
    path: Path | None, *, train: bool = True, index: Path | None = None, quick: bool = False
) -> Diagnosis:
    """Look at the machine and, if given, at a data set; measure; put it in sentences.

    Args:
        path: a data set, or None for the machine alone, which measures nothing.
        train: look at train, or at val.
        index: the file of the seek index; by default where loaders look for it.
        quick: measure no pipeline.

    Raises:
        DataError: the data set cannot be opened.
    """
    began = time.monotonic()
    looked = None if path is None else look_at_data(path, train=train, index=index)
    facts = Facts(machine=look_at_machine(), data=None if looked is None else looked.data)
    if looked is not None and not quick:
        left = WHOLE_S - (time.monotonic() - began)
        rates, left_out = measure(facts, looked.samples, looked.good, budget_s=left)
        facts = replace(facts, rates=rates, left_out=left_out)
    answer = tuple(advise(facts))
    return Diagnosis(facts=facts, answer=answer, seconds=time.monotonic() - began)


def document(diagnosis: Diagnosis) -> dict[str, Any]:
    """All facts and the answer, as plain values for JSON."""
    facts, choice = diagnosis.facts, choose(diagnosis.facts)
    told = asdict(facts)
    return {
        "doctor": FORMAT,
        "fasttricks": __version__,
        "data": None if facts.data is None else facts.data.name,
        "sound": diagnosis.sound,
        "seconds": round(diagnosis.seconds, 3),
        "pipeline": choice.pipeline or None,
        "device": choice.device,
        "num_threads": facts.machine.threads,
        "answer": [
            {"topic": one.topic.value, "text": one.text, "command": one.command}
            for one in diagnosis.answer
        ],
        "measured": told["rates"],
        "not_measured": told["left_out"],
        "machine": told["machine"],
        "pictures": told["data"],
    }
