"""Taking JPEGs apart and damaging them on purpose."""

import random
import struct

SOF0, SOF2, DHT, SOS, DQT, DRI = 0xC0, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD
APP0, APP1, APP2, APP13, APP14, COM = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def segments(data):
    """`(marker, position of its 0xFF, end)` of each segment up to the first scan header."""
    pos = 2
    while True:
        marker, end = data[pos + 1], pos + 2 + int.from_bytes(data[pos + 2 : pos + 4], "big")
        yield marker, pos, end
        pos = end
        if marker == SOS:
            return


def find(data, marker):
    """Position of the first byte that a segment carries, and its end."""
    return next((pos + 4, end) for code, pos, end in segments(data) if code == marker)


def scan_start(data):
    """Index of the first entropy-coded byte."""
    return find(data, SOS)[1]


def with_first(data, marker, body):
    """The file with one more segment, right behind SOI."""
    return data[:2] + segment(marker, body) + data[2:]


def without(data, marker):
    """The file without its segments of one kind."""
    for code, pos, end in reversed(list(segments(data))):
        if code == marker:
            data = data[:pos] + data[end:]
    return data


def patched(data, pos, value):
    """The file with some bytes replaced."""
    value = bytes([value]) if isinstance(value, int) else value
    return data[:pos] + value + data[pos + len(value) :]


def exif(entries, order="<", offset=8):
    """An APP1 body with IFD 0; entries are `(tag, type, count, four bytes)`."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", offset)
    ifd = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        ifd += struct.pack(order + "HHI", tag, kind, count) + value
    return b"Exif\0\0" + head + ifd + bytes(4)


def mutated(rng: random.Random, data):
    """The file with a few bytes flipped, cut out, put in, copied about, or its end cut off."""
    out = bytearray(data)
    header = min(scan_start(data), len(data) - 1)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        pos = rng.randrange(2, header) if rng.random() < 0.5 else rng.randrange(header, len(data))
        pos = min(pos, len(out) - 1)
        action = rng.randrange(7)
        if action <= 1:
            out[pos] = rng.choice((rng.randrange(256), 0, 1, 0xFF, 0xD9, 0xD0, 0xDA))
        elif action == 2:
            out[pos] ^= 1 << rng.randrange(8)
        elif action == 3:
            del out[pos : pos + rng.choice((1, 2, 3, 64, 500))]
        elif action == 4:
            out[pos:pos] = rng.randbytes(rng.choice((1, 2, 8, 64)))
        elif action == 5:
            out[pos : pos + 2] = bytes((0xFF, rng.randrange(0xC0, 0x100)))
        else:
            other, size = rng.randrange(len(out)), rng.choice((2, 16, 200))
            out[pos : pos + size] = out[other : other + size]
        if len(out) < 20:
            break
    if rng.random() < 0.05:
        del out[rng.randrange(len(out)) :]
    return bytes(out)
