"""The file against a reader written from docs/index-format.md alone, with struct and zlib."""

import hashlib
import json
import struct
import zlib

import numpy as np
import pytest

from fasttricks.data.samples import Samples
from fasttricks.data.seek.format import RECORD
from fasttricks.data.seek.source import names_of
from fasttricks.data.seek.writer import SeekWriter
from fasttricks.kernels.jpeg.seek import FRAME, SEEK
from fasttricks.kernels.jpeg.segments import REASONS


def read_plainly(data):
    """All that is in an index, as Python objects."""
    magic, format_, header_size, size = struct.unpack_from("<8sIIQ", data, 0)
    count, points, tile, record_size, frame_size, seek_size = struct.unpack_from(
        "<QQIIII", data, 24
    )
    digest = data[56:88]
    sections = [struct.unpack_from("<QQ", data, 88 + 16 * k) for k in range(5)]
    assert data[168:188] == bytes(20)
    assert (magic, format_, header_size, size) == (b"\x89FTSEEK\n", 1, 192, len(data))
    assert struct.unpack_from("<I", data, 188)[0] == zlib.crc32(data[:188])
    end = 192
    for offset, length in sections:
        assert offset % 64 == 0
        assert offset - end < 64
        assert data[end:offset] == bytes(offset - end)
        end = offset + length
    assert end == size
    schema, ends, names, records, all_points = (data[o : o + n] for o, n in sections)
    assert digest == hashlib.sha256(ends + names).digest()
    assert (len(records), len(all_points)) == (count * record_size, points * seek_size)
    ends = struct.unpack(f"<{count}Q", ends)
    pictures = []
    for k in range(count):
        record = records[k * record_size : (k + 1) * record_size]
        first, crc, n, length, mtime, error, kind = struct.unpack_from("<QIIQqIB", record, 0)
        own = all_points[first * seek_size : (first + n) * seek_size]
        assert crc == zlib.crc32(record[12:] + own)
        assert record[37:40] == bytes(3)
        frame = record[40 : 40 + frame_size]
        name = names[ends[k - 1] if k else 0 : ends[k]]
        pictures.append((name, length, mtime, error, kind, frame, own))
    return tile, json.loads(schema), pictures


def records_of(count, rng):
    """Records with anything in them, and their points; `crc` as it has to be."""
    records = np.zeros(count, RECORD)
    points = []
    for record in records:
        record["count"] = rng.integers(0, 5)
        record["size"], record["mtime_ns"] = rng.integers(0, 2**62, 2)
        record["error"], record["kind"] = rng.integers(0, 100), rng.integers(0, 3)
        record["frame"] = np.frombuffer(rng.bytes(FRAME.itemsize), FRAME)[0]
        points.append(rng.integers(0, 256, record["count"] * SEEK.itemsize, np.uint8).tobytes())
        record["crc"] = zlib.crc32(record.tobytes()[12:] + points[-1])
    return records, points


@pytest.mark.parametrize("shares", [[1], [3, 1, 5], [2] * 20])
def test_another_reader_finds_all_that_was_written(tmp_path, shares):
    rng = np.random.default_rng(len(shares))
    count = sum(shares)
    samples = Samples([f"/root/c{k % 3}/{'n' * k}.jpg" for k in range(count)])
    records, points = records_of(count, rng)
    with open(tmp_path / "x.seek", "w+b") as file:
        writer, done = SeekWriter(file, names_of(samples), 77), 0
        for share in shares:
            stop = done + share
            writer.add(records[done:stop].copy(), b"".join(points[done:stop]))
            done = stop
        writer.finish()
    tile, schema, pictures = read_plainly((tmp_path / "x.seek").read_bytes())
    assert tile == 77
    assert schema["frame"][:2] == [["height", "<u2", 0, []], ["width", "<u2", 2, []]]
    assert [name for name, *_ in schema["frame"]] == list(FRAME.names)
    assert schema["seek"] == [["state", "<u8", 0, []]]
    assert schema["reasons"] == list(REASONS)
    root = len(names_of(samples).root)
    for k, picture in enumerate(pictures):
        name, length, mtime, error, kind, frame, own = picture
        assert name.decode() == samples.name(k)[root:]
        assert (length, mtime) == (records[k]["size"], records[k]["mtime_ns"])
        assert (error, kind) == (records[k]["error"], records[k]["kind"])
        assert frame == records[k]["frame"].tobytes()
        assert own == points[k]


def test_nothing_is_an_index_before_it_is_finished(tmp_path):
    samples = Samples(["/root/a.jpg"])
    with open(tmp_path / "x.seek", "w+b") as file:
        writer = SeekWriter(file, names_of(samples), 77)
        records, points = records_of(1, np.random.default_rng(0))
        writer.add(records, points[0])
        file.flush()
        assert (tmp_path / "x.seek").read_bytes()[:192] == bytes(192)
