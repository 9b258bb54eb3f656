import pytest

from fasttricks.report.colour import HUES, SHADES, hue_of, shades


def luminance(colour: str) -> float:
    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", HUES)
def test_every_hue_stands_out_from_white(name: str) -> None:
    assert (luminance("#ffffff") + 0.05) / (luminance(HUES[name]) + 0.05) >= 3


def test_a_variant_has_the_hue_of_its_pipeline_and_peers_are_grey() -> None:
    assert hue_of("roi") == hue_of("roi:whole") == "roi"
    assert hue_of("stock-dali") == hue_of("floor") == "others"
    assert hue_of("tomorrow") == "ours"


def test_stages_known_or_not_have_a_strength() -> None:
    found = shades(["decode", "new", "newer"])
    assert found["decode"] == SHADES["decode"]
    assert 0 < found["new"] != found["newer"] > 0
