from __future__ import annotations

import sys

import pytest

from fasttricks.bench.progress import Teller


@pytest.mark.parametrize("colour", [None, "NO_COLOR", "FORCE_COLOR"])
def test_without_a_terminal_notes_are_printed_and_each_row_and_round_once(
    colour: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if colour:
        monkeypatch.setenv(colour, "1")
    with Teller() as teller:
        teller.expect(2)
        teller.doing("dali x2: starting")
        teller.step()
        teller.note("left out: [bold]ffcv")
        teller.doing("roi x2: starting")
        for number in (1, 2):
            for row in ("dali x2", "roi x2"):
                teller.tell(f"{row}: round {number} of 2")
    printed = capsys.readouterr()
    assert printed.err == (
        "dali x2: starting\nleft out: [bold]ffcv\nroi x2: starting\nround 1 of 2\nround 2 of 2\n"
    )
    assert printed.out == ""


def test_on_a_terminal_there_is_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with Teller() as teller:
        teller.expect(2)
        teller.doing("dali x2: round 1")
        teller.step()
        teller.note("left out: [bold]ffcv")
    printed = capsys.readouterr()
    assert "dali x2: round 1" in printed.err
    assert "left out: [bold]ffcv" in printed.err
    assert printed.out == ""
