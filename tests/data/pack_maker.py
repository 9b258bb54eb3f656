"""Packs that tests make: written by tarfile, member by member, without the code that packs."""

import io
import tarfile
import zlib

import numpy as np

from fasttricks.data.pack_index import INDEX_NAME, MEMBER, write_pack_index


def write_tar(path, members, format=tarfile.GNU_FORMAT):
    """An uncompressed tar of (name, content) pairs, in this order."""
    with tarfile.open(path, "w:", format=format) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def make_pack(folder, samples, shards=3, seed=0, format=tarfile.GNU_FORMAT):
    """A pack of the pictures and targets of `samples`, in their order, shuffled in the shards."""
    folder.mkdir(parents=True, exist_ok=True)
    members, names = np.zeros(len(samples), MEMBER), [b""] * len(samples)
    shuffled = np.random.default_rng(seed).permutation(len(samples))
    for shard, own in enumerate(np.array_split(shuffled, shards)):
        path = folder / f"shard-{shard:06d}.tar"
        contents = []
        for index in own.tolist():
            key = f"class_{np.ravel(samples.targets[index])[0]}/{index:04d}"
            names[index] = f"{key}.jpg".encode()
            contents.append((f"{key}.jpg", samples.read(index)))
            contents.append((f"{key}.cls", str(samples.targets[index]).encode()))
        write_tar(path, contents, format)
        _locate(path, shard, names, own, members)
    with open(folder / INDEX_NAME, "w+b") as file:
        write_pack_index(
            file,
            shards=[(p.name, p.stat().st_size) for p in sorted(folder.glob("*.tar"))],
            members=members,
            names=names,
            targets=samples.targets,
            classes=samples.classes,
        )
    return folder


def _locate(path, shard, names, own, members):
    content = path.read_bytes()
    with tarfile.open(path) as tar:
        where = {info.name.encode(): info for info in tar}
    for index in own.tolist():
        at, size = where[names[index]].offset_data, where[names[index]].size
        crc = zlib.crc32(content[at : at + size])
        members[index] = at, size, shard, crc, zlib.crc32(content[at - 512 : at])
