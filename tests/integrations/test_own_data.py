"""A table of one's own."""

import numpy as np
import pytest

from tests.integrations.conftest import SIZE
from tests.pictures import jpeg


@pytest.fixture
def table(tmp_path):
    lines = ["picture,dog,outdoors"]
    for i in range(16):
        (tmp_path / f"{i}.jpg").write_bytes(jpeg(48, 56, seed=i))
        lines.append(f"{i}.jpg,{i % 2},{i // 2 % 2}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "labels.csv"


def test_targets_are_the_rows_of_the_table(example, table):
    samples = example("own_data").read_table(table)
    assert samples.classes == ["dog", "outdoors"]
    assert samples.targets.dtype == np.float32
    assert samples.targets[3].tolist() == [1, 1]
    assert samples.name(3).endswith("3.jpg")


def test_the_example(example, table, pipeline):
    losses = example("own_data").main(table, pipeline, epochs=2, batch_size=8, size=SIZE)
    assert len(losses) == 2
    assert np.isfinite(losses).all()
