"""The doctor's answer: sentences from facts. Nothing is looked at or measured here."""

from __future__ import annotations

from collections.abc import Iterator

from fasttricks.doctor.amounts import count, duration, number, share, size
from fasttricks.doctor.choice import Choice, choose, limit, stays_cached
from fasttricks.doctor.facts import Data, Facts, Machine
from fasttricks.doctor.remedies import (
    MANY,
    Advice,
    Topic,
    helpful,
    missing,
    problems,
    quoted,
    shared_memory,
)
from fasttricks.doctor.seek import State

INDEXING_BYTES_PER_S = 100e6
"""Of JPEG per second and core, at least: less than half of what bench/results has."""


def advise(facts: Facts) -> list[Advice]:
    """Everything there is to say, in the order in which it is read. Never empty."""
    choice = choose(facts)
    answer = [*problems(facts), _pipeline(facts, choice)]
    if choice.pipeline:
        answer += [_threads(facts.machine), *_index(facts, choice), *_limit(facts, choice)]
        if facts.data is not None:
            answer += helpful(facts, choice)
    answer += [*missing(facts.machine), *shared_memory(facts.machine)]
    return [*answer, *_notes(facts), *_next(facts)]


def _pipeline(facts: Facts, choice: Choice) -> Advice:
    if not choice.pipeline:
        text = "No pipeline that reads these pictures can be used here; what is missing is below."
        return Advice(Topic.PIPELINE, text)
    call = f'make_loader("{choice.pipeline}", ..., device="{choice.device}")'
    text = f"Use {choice.pipeline}, {call}: {choice.why}."
    if facts.data is not None and choice.rate is None:
        text += " This was not measured."
    return Advice(Topic.PIPELINE, text)


def _threads(machine: Machine) -> Advice:
    cores = count(machine.usable_cores, "core")
    if machine.usable_cores < machine.cores:
        cores += f" of {machine.cores:,} (affinity or the container's quota)"
    if machine.processes == 1:
        text = f"num_threads={machine.threads}, which is the default: this process may use {cores}."
    else:
        text = (
            f"num_threads={machine.threads} in each of {machine.processes} processes, one per GPU, "
            f"which share {cores}; under torchrun this is the default."
        )
    return Advice(Topic.THREADS, text)


def _index(facts: Facts, choice: Choice) -> Iterator[Advice]:
    """Whether to index, or to pack."""
    data = facts.data
    if data is None or data.kind == "beton":
        return
    if choice.pipeline == "resident":
        text = "Neither index nor pack: resident decodes every picture whole, once."
        yield Advice(Topic.INDEX, text)
        return
    cuttable = data.share(data.cuttable)
    if data.index == State.USABLE.value:
        text = f"There is a seek index ({data.index_path}), so only crops are decoded."
        yield Advice(Topic.INDEX, text)
    elif cuttable < MANY:
        text = (
            f"No index: {share(cuttable)} of the pictures can be cut, and the others are decoded "
            "whole, with or without. Tell make_loader index=False."
        )
        yield Advice(Topic.INDEX, text)
    else:
        yield _do_index(facts, data, cuttable)
    good_as_they_are = not data.disk.network and data.share(data.progressive) < MANY
    if data.kind == "folder" and good_as_they_are and stays_cached(facts):
        text = "No pack: the files fit in memory, and a pack would be read no faster."
        yield Advice(Topic.INDEX, text)


def _do_index(facts: Facts, data: Data, cuttable: float) -> Advice:
    speed = INDEXING_BYTES_PER_S * facts.machine.usable_cores
    if data.disk.bytes_per_s is not None:
        speed = min(speed, data.disk.bytes_per_s)
    why = "is none yet"
    if data.index != State.NONE.value:
        why = f"is one, and it cannot be used ({data.index})"
    text = (
        f"Index: {share(cuttable)} of the pictures can be cut, so that only their crop is decoded, "
        f"and there {why}. The first epoch makes it by itself, or do so now, in "
        f"{duration(data.total_bytes / speed)} or less:"
    )
    return Advice(Topic.INDEX, text, f"fasttricks index {quoted(data)}")


def _limit(facts: Facts, choice: Choice) -> Iterator[Advice]:
    found, machine = limit(facts, choice), facts.machine
    if found is None or choice.rate is None:
        return
    each = " each" if machine.processes > 1 else ""
    text = (
        f"{choice.pipeline} was measured at {number(choice.rate.images_per_s)} images/s with "
        f"{count(choice.rate.threads, 'thread')}. A model that trains faster than "
        f"{number(found.images_per_s)} images/s{each} waits for the loader"
    )
    if machine.processes > 1:
        total = found.images_per_s * machine.processes
        text += f" (about {number(total)} on {len(machine.gpus)} GPUs)"
    if found.by == "disk":
        text += ", and there the disk is what it waits for"
    if machine.processes > 1 and found.by == "decoding":
        text += "; one process was measured, and all at once will be somewhat slower"
    device = machine.device
    bench = f"fasttricks bench --model resnet50 --device {device}"
    yield Advice(Topic.LIMIT, f"{text}. How fast yours trains:", bench)


def _notes(facts: Facts) -> Iterator[Advice]:
    data = facts.data
    if data is None:
        return
    for text in data.notes:
        yield Advice(Topic.NOTE, f"{text}.")
    if data.share(data.odd) >= MANY:
        text = (
            f"{share(data.share(data.odd))} of the pictures are no ordinary JPEGs (PNG, CMYK, "
            "...): PIL decodes these for every pipeline, which is slower."
        )
        yield Advice(Topic.NOTE, text)
    if data.disk.cached is not None and not stays_cached(facts) and data.disk.files_per_s is None:
        text = (
            f"The pictures are about {size(data.total_bytes)} and do not fit in the "
            f"{size(facts.machine.free_bytes)} of free memory: every epoch reads from the disk, "
            f"which was not measured ({data.disk.why_not})."
        )
        yield Advice(Topic.NOTE, text)


def _next(facts: Facts) -> Iterator[Advice]:
    if facts.data is None:
        text = "Give the doctor your pictures, a folder with train/class/picture and val:"
        yield Advice(Topic.NEXT, text, "fasttricks doctor DATA")
        text = "Without pictures, measure the pipelines on generated ones:"
        yield Advice(Topic.NEXT, text, "fasttricks bench --pipeline all")
    else:
        text = "This was brief. To compare the pipelines properly:"
        command = f"fasttricks bench --pipeline all --data {quoted(facts.data)}"
        yield Advice(Topic.NEXT, text, command)
