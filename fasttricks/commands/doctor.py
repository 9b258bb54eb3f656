"""`fasttricks doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from fasttricks.files import check_writable, write_json

if TYPE_CHECKING:
    from fasttricks.data.samples import Samples


@dataclass(frozen=True)
class Doctor:
    """Look at machine and data, measure briefly and say which pipeline to use and what would help;
    or find every broken picture (--scan), or tell all about one (--sample).

    Exit code 0: everything is sound; 1: something is broken; 2: a mistake in the arguments, or the
    data cannot be opened at all.
    """

    data: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[DATA]")] = None
    """Folder of class folders (root/class/picture), or with train and val inside; a pack; a
    .beton. Without it only the machine is looked at."""
    quick: bool = False
    """Measure no pipeline: look only, which takes a few seconds instead of up to a minute."""
    scan: bool = False
    """Read, check and decode every picture, and say which are broken."""
    sample: int | None = None
    """Tell all about the sample with this index, from 0 on."""
    json: Path | None = None
    """Also write what was found to this file, as one JSON document."""
    all: bool = False
    """With --scan: name all that is broken, not the first 50 only."""
    epoch: int = 0
    """With --sample: the epoch whose plan is shown."""
    seed: int = 0
    """With --sample: the seed of that plan."""
    size: int = 224
    """With --sample: side of the output picture, pixels."""
    index: Path | None = None
    """The file of the seek index; default: where loaders look for it. None is made."""
    workers: int | None = None
    """With --scan: threads; default: the CPUs that this process may use."""
    eval: bool = False
    """Where the data set is divided, look at val instead of train; the plan is the centre crop."""

    def run(self) -> int:
        """Look, tell, and return the exit code."""
        self._check()
        if self.data is None or not (self.scan or self.sample is not None):
            return self._diagnose()
        from fasttricks.doctor.source import open_data_set

        samples = open_data_set(self.data, train=not self.eval)
        return self._scan(samples) if self.sample is None else self._sample(samples, self.sample)

    def _check(self) -> None:
        one = self.scan or self.sample is not None
        if self.scan and self.sample is not None:
            raise ValueError("doctor: one of --scan (all pictures) or --sample N (one of them)")
        if one and self.data is None:
            raise ValueError("doctor: say whose pictures: fasttricks doctor DATA --scan")
        if one and self.quick:
            raise ValueError("doctor: --quick is for looking at machine and data as a whole")
        if self.json is not None:
            check_writable(self.json.expanduser())

    def _diagnose(self) -> int:
        from fasttricks.doctor.diagnosis import diagnose, document
        from fasttricks.doctor.diagnosis_words import show_diagnosis

        found = diagnose(self.data, train=not self.eval, index=self.index, quick=self.quick)
        self._write(document(found))
        show_diagnosis(found)
        return 0 if found.sound else 1

    def _scan(self, samples: Samples) -> int:
        from fasttricks.doctor.document import scan_document
        from fasttricks.doctor.scan import scan
        from fasttricks.doctor.scan_words import show

        found = scan(samples, index=self.index, workers=self.workers, progress=True)
        if self.json is not None:  # it may be as long as the data set
            self._write(scan_document(found, str(self.data)))
        show(found, str(self.data), everything=self.all)
        return 0 if found.sound else 1

    def _sample(self, samples: Samples, number: int) -> int:
        from fasttricks.doctor.sample import PlanOf, sample_facts
        from fasttricks.doctor.sample_words import show_facts

        plan_of = PlanOf(train=not self.eval, epoch=self.epoch, seed=self.seed, size=self.size)
        facts = sample_facts(samples, number, plan_of, index=self.index)
        self._write(facts)
        show_facts(facts)
        return 1 if facts["findings"]["broken"] else 0

    def _write(self, document: dict[str, Any]) -> None:
        """Before anything is shown: a reader who has left costs no scan."""
        if self.json is not None:
            write_json(self.json.expanduser(), document)
