import io
import json
import os
import struct
import tracemalloc
import zlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasttricks.data.pack_index import (
    HEADER,
    INDEX_NAME,
    MEMBER,
    open_pack_index,
    write_pack_index,
)
from fasttricks.data.tar_pack import TarPack
from fasttricks.errors import DataError

DTYPES = ["<i8", "<u2", "<f4", "|b1", "|i1", "<f2", ">i4"]


def content(count=3, dtype="<i8", shape=(), names=None, seed=0):
    """Arguments of `write_pack_index` that belong together."""
    rng = np.random.default_rng(seed)
    members = np.zeros(count, MEMBER)
    members["offset"] = rng.integers(1, 50, count) * 512
    members["size"], members["shard"] = rng.integers(0, 999, count), np.arange(count) % 2
    members["crc"], members["header_crc"] = rng.integers(0, 2**32, (2, count))
    return {
        "shards": [("a.tar", 99999), (os.fsdecode(b"sub/\xff.tar"), 2**33)],
        "members": members,
        "names": names or [f"c/{n}.jpg".encode() for n in range(count)],
        "targets": rng.integers(0, 2, (count, *shape)).astype(dtype),
        "classes": ["ünï", "c"],
    }


def written(**changes):
    file = io.BytesIO()
    write_pack_index(file, **{**content(), **changes})
    return file.getvalue()


def read_by_the_page(data):
    """Another reader, made from docs/pack-format.md."""
    magic, format, header_size, file_size, count = struct.unpack_from("<8sIIQQ", data)
    assert (magic, format, header_size, file_size) == (b"\x89FTPACK\n", 1, 128, len(data))
    content_crc, crc = struct.unpack_from("<II", data, 120)
    assert (content_crc, crc) == (zlib.crc32(data[128:]), zlib.crc32(data[:124]))
    sections, end = [], 128
    for number in range(5):
        offset, length = struct.unpack_from("<QQ", data, 32 + 16 * number)
        assert offset % 64 == 0
        assert 0 <= offset - end < 64
        assert not any(data[end:offset])
        end = offset + length
        sections.append(data[offset:end])
    assert end == len(data)
    head, members, targets, ends, names = sections
    head = json.loads(head.decode("ascii"))
    ends = struct.unpack(f"<{count}q", ends)
    return {
        "shards": [tuple(shard) for shard in head["shards"]],
        "members": list(struct.iter_unpack("<QIIII", members)),
        "names": [names[a:b] for a, b in zip((0, *ends), ends, strict=False)],
        "targets": np.ndarray((count, *head["targets"][1]), head["targets"][0], targets),
        "classes": head["classes"],
        "in_place": head["in_place"],
    }


@given(st.integers(1, 9), st.sampled_from(DTYPES), st.sampled_from([(), (1,), (4,)]), st.data())
@settings(deadline=None, max_examples=40)
def test_read_as_the_page_says(tmp_path_factory, count, dtype, shape, data):
    names = data.draw(st.lists(st.binary(max_size=9), min_size=count, max_size=count))
    given = content(count, dtype, shape, names, seed=count)
    in_place = data.draw(st.booleans())
    path = tmp_path_factory.getbasetemp() / "some.index"
    path.write_bytes(written(**given, in_place=in_place))
    plain, index = read_by_the_page(path.read_bytes()), open_pack_index(path)
    assert plain["shards"] == index.shards == given["shards"]
    assert plain["classes"] == index.classes == given["classes"]
    assert plain["in_place"] == index.in_place == in_place
    assert plain["members"] == index.members.tolist() == given["members"].tolist()
    ends = [0, *index.ends.tolist()]
    pieces = [bytes(index.names[a:b]) for a, b in pairwise(ends)]
    assert plain["names"] == pieces == given["names"]
    for found in (plain["targets"], index.targets):
        assert found.dtype == given["targets"].dtype.newbyteorder("<")
        assert np.array_equal(found, given["targets"])


def refused(path, data):
    path.write_bytes(data)
    with pytest.raises(DataError) as error:
        open_pack_index(path)
    text = str(error.value)
    assert str(path) in text
    assert "\n" not in text
    assert "fasttricks" in text  # what to do
    return text


def test_every_flipped_bit_is_noticed(tmp_path):
    data = written()
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        refused(tmp_path / "pack.index", damaged)


def test_every_length_is_noticed(tmp_path):
    data = written()
    for length in (*range(0, len(data), 7), len(data) - 1):
        text = refused(tmp_path / "pack.index", data[:length])
        assert ("is cut short" if length >= 8 else "not a pack index") in text
    assert "has grown" in refused(tmp_path / "pack.index", data + b"x")


def test_another_format(tmp_path):
    text = refused(tmp_path / "pack.index", sealed(written(), format=7))
    assert "has format 7 and this fasttricks reads 1" in text


def test_no_file_and_no_index(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        open_pack_index(tmp_path / "nowhere")
    with pytest.raises(DataError, match="directory"):
        open_pack_index(tmp_path)
    assert "is not a pack index" in refused(tmp_path / "x", b"something else" * 20)


def sealed(data, **members):
    """The index with other members in its header, and checksums that fit."""
    header = np.frombuffer(data, HEADER, 1)[0].copy()
    for name, value in members.items():
        header[name] = value
    header["content_crc"] = zlib.crc32(data[HEADER.itemsize :])
    header["crc"] = zlib.crc32(header.tobytes()[:-4])
    return header.tobytes() + data[HEADER.itemsize :]


@pytest.mark.parametrize("section", range(5))
@pytest.mark.parametrize("by", [-1, 1, 64, 2**40])
@pytest.mark.parametrize("what", ["offset", "length"])
def test_sections_that_do_not_fit(tmp_path, section, by, what):
    data = written()
    sections = np.frombuffer(data, HEADER, 1)["sections"][0].copy()
    sections[what][section] = int(sections[what][section]) + by
    refused(tmp_path / "pack.index", sealed(data, sections=sections))


@pytest.mark.parametrize("count", [0, 2, 4, 2**40, 2**64 - 1])
def test_a_count_that_does_not_fit(tmp_path, count):
    refused(tmp_path / "pack.index", sealed(written(), count=count))


HEADS = [
    {"shards": [["../x.tar", 99999], ["b.tar", 99999]]},
    {"shards": [["/etc/x.tar", 99999], ["b.tar", 99999]]},
    {"shards": [["", 99999], ["b.tar", 99999]]},
    {"shards": [[3, 99999], ["b.tar", 99999]]},
    {"shards": [["a.tar", 99999]]},
    {"shards": [["a.tar", 3], ["b.tar", 3]]},
    {"shards": [["a.tar", -3], ["b.tar", -3]]},
    {"shards": []},
    {"classes": [3]},
    {"classes": None},
    {"targets": ["|O", []]},
    {"targets": ["<i8", [-1]]},
    {"targets": ["<i8", [10**30]]},
    {"targets": [3, []]},
    {"in_place": "no"},
]


@pytest.mark.parametrize("change", HEADS, ids=str)
def test_a_head_that_contradicts(tmp_path, change):
    """Padded with spaces to the length of the true one, so that nothing else is wrong."""
    data, shards = written(shards=[("s" * 50, 99999), ("t" * 50, 99999)]), [["a.tar", 99999]] * 2
    start, length = np.frombuffer(data, HEADER, 1)["sections"][0][0].tolist()
    head = {"shards": shards, "classes": [], "targets": ["<i8", []], "in_place": False}
    for changed in (head, {**head, **change}):
        text = json.dumps(changed).encode().ljust(length)
        changed_data = sealed(data[:start] + text + data[start + length :])
        if changed is head:
            (tmp_path / "good").write_bytes(changed_data)
            assert len(open_pack_index(tmp_path / "good").members) == 3
        else:
            refused(tmp_path / "pack.index", changed_data)


@pytest.mark.parametrize(
    ("member", "value"),
    [("shard", 2), ("offset", 511), ("offset", 2**64 - 1), ("offset", 2**63), ("size", 2**32 - 1)],
)
def test_members_outside_of_their_shards(tmp_path, member, value):
    given = content()
    given["shards"] = [("a.tar", 99999), ("b.tar", 99999)]
    start = np.frombuffer(written(**given), HEADER, 1)["sections"][0][1]["offset"]
    data = bytearray(written(**given))
    wrong = given["members"].copy()
    wrong[member][1] = value
    data[start : start + wrong.nbytes] = wrong.tobytes()
    refused(tmp_path / "pack.index", sealed(bytes(data)))
    with pytest.raises(ValueError, match="a sample"):
        written(**{**given, "members": wrong})


def test_writing_what_does_not_belong_together():
    for bad in (
        {"names": [b"one"]},
        {"targets": np.zeros(4)},
        {"members": np.zeros(0, MEMBER), "names": [], "targets": np.zeros(0)},
    ):
        with pytest.raises(ValueError, match="equally many"):
            written(**bad)
    with pytest.raises(ValueError, match="not in the pack's folder"):
        written(shards=[("../a.tar", 99999), ("b", 2**33)])


def test_opening_a_large_pack_takes_next_to_no_memory(tmp_path):
    count = 100_000
    members = np.zeros(count, MEMBER)
    members["size"], members["offset"] = 512, 512 * (1 + np.arange(count))
    with open(tmp_path / INDEX_NAME, "w+b") as file:
        write_pack_index(
            file,
            shards=[("a.tar", 1 << 40)],
            members=members,
            names=[f"n{n % 1000:08d}/{n:08d}.jpg".encode() for n in range(count)],
            targets=np.arange(count) % 1000,
            classes=[f"n{n:08d}" for n in range(1000)],
        )
    tracemalloc.start()
    pack = TarPack(tmp_path)
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(pack) == count
    assert kept < 8 * count + 200_000  # of 6 MB: the file is mapped, the classes are read
    assert most < 50e6 / 13  # 50 MB for 1.3 million
