import json

import numpy as np
import pytest

from fasttricks.bench import cut_speed


def test_a_small_run(picture_folder, tmp_path, capsys):
    path = tmp_path / "x.json"
    config = cut_speed.Config(data=picture_folder, rounds=2, check=True, json=path)
    cut_speed.main(config)
    result = json.loads(path.read_text())
    progressive = sum(n % 6 == 2 for n in range(37))
    assert result["pictures"] == 37 - progressive
    for name in ("index_us", "cut_us", "decode_us", "whole_us"):
        assert 0 < result[name]["p20"] <= result[name]["median"] <= result[name]["p80"]
    assert result["pixels_over_box"] >= 1
    assert min(result["gb_per_s"].values()) > 0
    assert {"machine", "versions", "date", "commit"} <= set(result)
    printed = capsys.readouterr().out
    assert f"'progressive': {progressive}" in printed
    assert f"{(37 - progressive) * 9} cuts have the pixels" in printed


def test_crops_are_those_of_the_plan():
    frame = np.zeros(1, cut_speed.FRAME)
    frame["height"], frame["width"] = 300, 400
    boxes = cut_speed.crops(3, 20, frame)
    assert len(set(boxes)) == 20
    for top, left, height, width in boxes:
        assert 0 <= top < top + height <= 300
        assert 0 <= left < left + width <= 400


def test_wrong_pixels_are_noticed(picture_folder, monkeypatch):
    items, _ = cut_speed.read_items(picture_folder, 768)
    cutter = cut_speed.Cutter(items)
    assert cut_speed.check(items[:2], cutter) == 18
    item = items[0]
    right = cutter(item, item.box)

    def shifted(item, box):
        data, (top, left, height, width) = cutter(item, box)
        return data, (max(top - 1, 0), left, height, width)

    assert right == cutter(item, item.box)
    with pytest.raises(RuntimeError, match="other pixels"):
        cut_speed.check(items, shifted)


def test_a_folder_without_pictures(tmp_path):
    with pytest.raises(SystemExit, match="no JPEG files"):
        cut_speed.read_items(tmp_path, 768)
