"""Small data sets for the doctor, and how to damage their seek indices."""

import io
import tarfile
import zlib

import numpy as np

from fasttricks.data.folder import scan_folder
from fasttricks.data.pack_index import INDEX_NAME, MEMBER, write_pack_index
from fasttricks.data.seek.build import build_index
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.seek.format import HEADER, checksum
from tests.pictures import jpeg

KINDS = (
    {},
    {"channels": 1},
    {"progressive": True},
    {"subsampling": 0},
    {"subsampling": 1, "restart_marker_blocks": 3},
)


def make_folder(root, count=10):
    """An ImageFolder of two classes, all of it sound: `count` JPEGs, each unlike the others."""
    for i in range(count):
        path = root / f"class_{i % 2}" / f"{i:02d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(40 + 7 * i, 90 - 5 * i, seed=i, **KINDS[i % len(KINDS)]))
    return root


def make_pack(folder, source):
    """Two shards with the pictures of an ImageFolder, which lie in them by turns, and the index."""
    folder.mkdir()
    samples = scan_folder(source)
    members, names = np.zeros(len(samples), MEMBER), [b"%04d.jpg" % i for i in range(len(samples))]
    shards = []
    for shard in range(2):
        path = folder / f"shard-{shard:06d}.tar"
        with tarfile.open(path, "w") as tar:
            for i in range(shard, len(samples), 2):
                members[i] = _add(tar, names[i].decode(), samples.read(i), shard)
                _add(tar, f"{i:04d}.cls", b"%d" % samples.targets[i], shard)
        shards.append((path.name, path.stat().st_size))
    with open(folder / INDEX_NAME, "wb") as file:
        write_pack_index(
            file,
            shards=shards,
            members=members,
            names=names,
            targets=samples.targets,
            classes=samples.classes,
        )
    return folder


def _add(tar, name, content, shard):
    """Write a member; what MEMBER has of it."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    offset = tar.offset + 512
    tar.addfile(member, io.BytesIO(content))
    header = member.tobuf(tar.format)[-512:]
    return offset, len(content), shard, zlib.crc32(content), zlib.crc32(header)


class Tampered:
    """The seek index of a data set, as a file to be changed."""

    def __init__(self, samples):
        self.path = build_index(samples)
        self.content = bytearray(self.path.read_bytes())
        self._index = SeekIndex.open(self.path, samples)
        header = np.frombuffer(self.content, HEADER, 1)[0]
        self._at = [int(offset) for offset in header["sections"]["offset"]]

    def points_at(self, number):
        """Offset of a picture's first point."""
        first = int(self._index.records[number]["first"])
        return self._at[4] + self._index.points.itemsize * first

    def record_at(self, number):
        """Offset of a picture's record."""
        return self._at[3] + self._index.records.itemsize * number

    def flip(self, offset, bit=1):
        self.content[offset] ^= bit

    def sign(self, number):
        """Give a picture's entry the checksum that it has to have, changed as it is."""
        begin, size = self.record_at(number), self._index.records.itemsize
        count = int(self._index.records[number]["count"]) * self._index.points.itemsize
        points = self.content[self.points_at(number) : self.points_at(number) + count]
        crc = checksum(bytes(self.content[begin : begin + size]), bytes(points))
        self.content[begin + 8 : begin + 12] = crc.to_bytes(4, "little")

    def write(self):
        self.path.write_bytes(self.content)
