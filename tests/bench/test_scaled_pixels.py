import json

import numpy as np
import pytest
import torch

from fasttricks import Samples
from fasttricks.bench import scaled_pixels
from tests.pictures import jpeg
from tests.pipelines.conftest import require


def test_summary_is_that_of_the_differences():
    differences = np.random.default_rng(0).integers(-30, 41, 100_000)
    histogram = torch.bincount(torch.from_numpy(differences) + 256, minlength=512)
    found = scaled_pixels.summary(histogram)
    assert found["mean"] == pytest.approx(abs(differences).mean())
    assert found["p999"] == np.quantile(abs(differences), 0.999)
    assert found["most"] == 40
    assert found["bias"] == pytest.approx(differences.mean())


def test_exact_pictures_are_not_counted():
    require("roi")
    samples = Samples([jpeg(60, 70, seed=i) for i in range(3)])
    found = scaled_pixels.compare(samples, train=False, size=48, epochs=1)
    assert (found["pictures"], found["shrunk"], found["most"]) == (3, 0, 0)


def test_shrunk_pictures_are(tmp_path, capsys):
    require("roi")
    folder = tmp_path / "set" / "one"
    folder.mkdir(parents=True)
    for i in range(3):
        (folder / f"{i}.jpg").write_bytes(jpeg(300, 330, seed=i))
    config = scaled_pixels.Config(
        data=folder.parent, size=48, epochs=2, json=tmp_path / "found.json"
    )
    scaled_pixels.main(config)
    result = json.loads(config.json.read_text())
    assert result["train"]["pictures"] == 6
    assert result["eval"]["shrunk"] == 3
    assert 0 < result["eval"]["mean"] < 10
    assert abs(result["eval"]["bias"]) < 0.5
    assert "eval: 3 of 3 pictures shrunk" in capsys.readouterr().out
