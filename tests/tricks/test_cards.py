"""The cards: complete, right in their arithmetic, and the document made of them."""

import re
from pathlib import Path

import pytest

from fasttricks.errors import UnknownNameError
from fasttricks.tricks.cards import CARDS, document, find_card

ROOT = Path(__file__).resolve().parents[2]
CHANGE = re.compile(r"([\d.]+) -> ([\d.]+) \(([+-][\d.]+)\)")


@pytest.mark.parametrize("card", CARDS.values(), ids=list(CARDS))
def test_every_card_says_everything(card):
    for field in (card.what, card.cost, card.benefit, card.source):
        assert field
    assert card.what.endswith(".")
    assert card.cost.endswith(".")
    assert card.benefit.endswith(".")
    assert not card.source.endswith(".")
    assert len(card.summary) < 110
    assert (ROOT / card.code).is_file()


@pytest.mark.parametrize("card", CARDS.values(), ids=list(CARDS))
def test_differences_are_those_of_their_numbers(card):
    for before, after, difference in CHANGE.findall(card.benefit):
        assert f"{float(after) - float(before):+.2f}" == difference


def test_the_check_of_differences_finds_them():
    assert sum(len(CHANGE.findall(card.benefit)) for card in CARDS.values()) > 30


def test_the_numbers_are_those_of_table_4():
    """Cumulative: what one trick ends with is what the next begins with."""
    batch_256 = ["75.87", "76.03", "76.19", "76.16", "76.15"]
    batch_1024 = ["75.17", "75.93", "76.37", "76.03", "76.21"]
    names = ["warmup", "zero-gamma", "no-bias-decay", "mixed-precision"]
    for number, name in enumerate(names):
        small, large = CHANGE.findall(CARDS[name].benefit)
        assert small[:2] == tuple(batch_256[number : number + 2])
        assert large[:2] == tuple(batch_1024[number : number + 2])


def test_every_trick_has_a_card():
    files = {path.stem for path in (ROOT / "fasttricks" / "tricks").glob("*.py")}
    parts = {
        "__init__",
        "card",
        "cards",
        "schedule",
        "soft_targets",
        "mce",
        "foreach",
    }  # no tricks themselves
    assert files - parts <= {Path(card.code).stem for card in CARDS.values()}


def test_cards_are_found_with_either_dash():
    assert find_card("zero_gamma") is find_card("Zero-Gamma") is CARDS["zero-gamma"]
    with pytest.raises(UnknownNameError, match="unknown trick 'magic'; known: lr-scaling, "):
        find_card("magic")


def test_the_document_is_current():
    written = (ROOT / "docs" / "tricks.md").read_text()
    assert written == document(), "python -m fasttricks.tricks.cards > docs/tricks.md"
