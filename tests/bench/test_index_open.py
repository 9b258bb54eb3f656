import json

from fasttricks.bench import index_open
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.synthetic import encode_synthetic
from fasttricks.data.tar_pack import TarPack


def test_made_up_entries_are_those_of_the_picture(tmp_path):
    samples, picture = index_open.made_up(2500), encode_synthetic(0, 0)
    index_open.make_index(tmp_path / "x.seek", samples, picture)
    index = SeekIndex.open(tmp_path / "x.seek", samples)
    frame, points = index.lookup(2499, len(picture), 0)
    assert len(points) == frame["points"] > 50
    assert points.tobytes() == index.lookup(0, len(picture), 0)[1].tobytes()


def test_a_made_up_pack_is_one_but_for_its_shards(tmp_path):
    picture = encode_synthetic(0, 0)
    index_open.make_pack(tmp_path, 700, picture)
    pack = TarPack(tmp_path)
    assert len(pack) == 700
    index = SeekIndex.open(pack.seek_index, pack)
    assert len(index.lookup(699, len(picture), 0)[1]) > 50


def test_one_json_object_with_what_it_ran_on(tmp_path, capsys):
    config = index_open.Config(count=20_000, folder=tmp_path, json=tmp_path / "x.json")
    index_open.main(config)
    result = json.loads((tmp_path / "x.json").read_text())
    assert result["pictures"] == 20_000
    assert {"cpu", "cores"} <= set(result["machine"])
    # Nothing but memory is bounded here: a byte a picture, hashing pieces, and page granularity.
    assert result["heap_mb"] < 10
    assert result["mapped_mb_after_opening"] < 2
    assert result["mapped_mb_most_in_lookups"] < 160
    assert result["pack_heap_mb"] < 10
    assert result["pack_mapped_mb_after_opening"] < 5
    assert result["pack_open_warm_s"] > 0
    assert "open_cold_s" in capsys.readouterr().out
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]  # the index is gone again
