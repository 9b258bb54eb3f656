"""A slow JPEG encoder for tests: any layout, and it knows where everything is.

It makes pictures from random coefficients, with whatever sampling factors, restart intervals and
Huffman tables a test asks for. Bits are strings of "0" and "1".
"""

import random
from dataclasses import dataclass, field

from tests.data.jpeg_surgery import DHT, DQT, DRI, SOF0, SOS, segment, segments
from tests.pictures import jpeg

LAYOUTS = {
    "grey": ((1, 1),),
    "grey 2x2": ((2, 2),),
    "4:4:4": ((1, 1), (1, 1), (1, 1)),
    "4:4:0": ((1, 2), (1, 1), (1, 1)),
    "4:2:2": ((2, 1), (1, 1), (1, 1)),
    "4:2:0": ((2, 2), (1, 1), (1, 1)),
    "4:1:1": ((4, 1), (1, 1), (1, 1)),
    "4:1:0": ((4, 2), (1, 1), (1, 1)),
    "1x4": ((1, 4), (1, 1), (1, 1)),
    "2x4": ((2, 4), (1, 1), (1, 1)),
    "3x1": ((3, 1), (1, 1), (1, 1)),
    "chroma 1x2": ((2, 2), (1, 2), (1, 2)),
    "chroma 2x1": ((2, 2), (2, 1), (1, 1)),
    "fine chroma": ((1, 1), (2, 2), (1, 1)),
    "all 2x1": ((2, 1), (2, 1), (2, 1)),
}
"""(horizontal, vertical) sampling factors of the components."""


@dataclass
class Table:
    """A Huffman table: code lengths in the order of codes."""

    lengths: list[int]
    symbols: list[int]
    codes: dict[int, str] = field(init=False)

    def __post_init__(self):
        self.codes, code, before = {}, 0, 0
        for length, symbol in zip(self.lengths, self.symbols, strict=True):
            code <<= length - before
            self.codes[symbol] = f"{code:0{length}b}"
            code, before = code + 1, length

    def body(self, kind, slot):
        counts = bytes(self.lengths.count(n) for n in range(1, 17))
        return bytes([kind << 4 | slot]) + counts + bytes(self.symbols)


def staircase(symbols):
    """Codes 0, 10, 110, ... : the longest that there can be."""
    return Table(list(range(1, len(symbols) + 1)), list(symbols))


def flat(symbols, length):
    """Codes of one length."""
    return Table([length] * len(symbols), list(symbols))


def standard(kind):
    """The table of T.81 annex K for luminance, as libjpeg writes it."""
    data = jpeg(8, 8, channels=1)
    for marker, pos, _ in segments(data):
        if marker == DHT and data[pos + 4] == kind << 4:
            counts = data[pos + 5 : pos + 21]
            lengths = [n for n, count in enumerate(counts, 1) for _ in range(count)]
            return Table(lengths, list(data[pos + 21 : pos + 21 + len(lengths)]))
    raise AssertionError


def every_ac_symbol():
    """All that baseline pictures may use, in codes too long to be looked up at once."""
    used = [run << 4 | size for run in range(16) for size in range(1, 11)]
    return flat([0, 0xF0, *used], 12)


@dataclass
class Made:
    """A JPEG and what is known of it."""

    data: bytes
    positions: list[int]
    """In bits: where MCU m - 1 ends, for m = 0 to the number of MCUs."""
    predictors: list[tuple[int, int, int]]
    """DC coefficients of the components' last blocks before MCU m, since the last restart before
    MCU m - 1."""
    begin: int
    end: int


def value_bits(value):
    size = abs(value).bit_length()
    return f"{value if value >= 0 else value + (1 << size) - 1:0{size}b}" if size else ""


def block_bits(rng, difference, dc, ac):
    """One block with a few AC coefficients."""
    bits = dc.codes[abs(difference).bit_length()] + value_bits(difference)
    k = 0
    for position in sorted(rng.sample(range(1, 64), rng.choice([0, 1, 3, 8, 63]))):
        run = position - k - 1
        bits += ac.codes[0xF0] * (run // 16)
        size = rng.randrange(1, 4) if rng.random() < 0.97 else rng.randrange(4, 11)
        value = rng.randrange(1 << size - 1, 1 << size) * rng.choice([-1, 1])
        bits += ac.codes[run % 16 << 4 | size] + value_bits(value)
        k = position
    return bits if k == 63 else bits + ac.codes[0]


def to_bytes(bits):
    """Filled up with ones; bytes 0xFF are not stuffed yet."""
    bits += "1" * (-len(bits) % 8)
    return int(bits or "0", 2).to_bytes(len(bits) // 8, "big")


def stuffed(data):
    return data.replace(b"\xff", b"\xff\x00")


def write(
    height,
    width,
    factors=LAYOUTS["4:2:0"],
    seed=0,
    interval=0,
    dc=None,
    ac=None,
    dc_values=range(-40, 40),
    quantiser=12,
    wide_quantiser=False,
    fill=0,
    first=b"",
):
    """A picture of random blocks.

    dc, ac: Tables. dc_values: DC coefficients to choose from. wide_quantiser: 16-bit tables, SOF1.
    fill: 0xFF bytes before markers. first: segments to put first.
    """
    rng = random.Random(seed)
    dc, ac = dc or standard(0), ac or standard(1)
    grey = len(factors) == 1
    blocks = [0] if grey else [c for c, (h, v) in enumerate(factors) for _ in range(h * v)]
    across = 8 * (1 if grey else max(h for h, _ in factors))
    down = 8 * (1 if grey else max(v for _, v in factors))
    total = -(-height // down) * -(-width // across)

    stuffing = b"\xff" * fill
    head = b"\xff\xd8" + first
    for slot in range(2):
        table = bytes([quantiser]) * 64 if not wide_quantiser else b"\x01\x02" * 64
        head += stuffing + segment(DQT, bytes([wide_quantiser << 4 | slot]) + table)
    frame = bytes([8]) + height.to_bytes(2, "big") + width.to_bytes(2, "big")
    scan = bytes([len(factors)])
    frame += bytes([len(factors)])
    for c, (h, v) in enumerate(factors):
        frame += bytes([c + 1, h << 4 | v, min(c, 1)])
        scan += bytes([c + 1, 0x00 if c == 0 else 0x11])
    head += segment(SOF0 + wide_quantiser, frame)
    for slot in range(2):
        head += segment(DHT, dc.body(0, slot) + ac.body(1, slot))
    if interval:
        head += segment(DRI, interval.to_bytes(2, "big"))
    head += stuffing + segment(SOS, scan + b"\x00\x3f\x00")

    data, bits, last = head, "", [0, 0, 0]
    positions, predictors = [8 * len(head)], [(0, 0, 0)]
    for m in range(total):
        if interval and m and m % interval == 0:
            data += (
                stuffed(to_bytes(bits)) + stuffing + bytes([0xFF, 0xD0 + (m // interval - 1) % 8])
            )
            bits, last = "", [0, 0, 0]
        for c in blocks:
            value = rng.choice(dc_values)
            bits += block_bits(rng, value - last[c], dc, ac)
            last[c] = value
        whole = to_bytes(bits[: len(bits) // 8 * 8]) if len(bits) >= 8 else b""
        positions.append(8 * (len(data) + len(stuffed(whole))) + len(bits) % 8)
        predictors.append(tuple(last))
    data += stuffed(to_bytes(bits))
    return Made(data + stuffing + b"\xff\xd9", positions, predictors, len(head), len(data))
