from fasttricks.data.probe import probe
from fasttricks.doctor.findings import GEOMETRY, ODD, ORIENTATION, UNDECODABLE, Look
from fasttricks.doctor.tally import Tally
from tests.pictures import encode, jpeg, smooth_picture


def sound(index, data):
    look = Look(index, size=len(data), digest=index.to_bytes(16, "little"), probe=probe(data))
    look.traits.append("sequential")
    return look


def test_counts():
    tally = Tally(5)
    small, odd = jpeg(8, 50), encode(smooth_picture(20, 30, 0), "PNG")
    tally.add(sound(0, small))
    turned = sound(1, odd)
    turned.note(ODD, "not a JPEG")
    turned.note(ORIENTATION, "orientation 6")
    tally.add(turned)
    assert (tally.looked, tally.sound, tally.plain, tally.odd) == (2, 2, 1, 1)
    assert (tally.bytes, tally.pixels) == (len(small) + len(odd), 8 * 50 + 20 * 30)
    assert (tally.shortest, tally.longest) == ((8, 0), (50, 0))
    assert tally.traits == {"sequential": 2}
    assert list(tally.noted[ORIENTATION]["orientation 6"]) == [1]
    assert (tally.count_noted(ODD), tally.count_noted("never met")) == (1, 0)
    assert "never met" not in tally.noted


def test_broken_ones_are_not_sound_in_part():
    tally = Tally(3)
    look = sound(1, jpeg(8, 50))
    look.fault(UNDECODABLE, "cut after 123 bytes")
    look.fault(GEOMETRY, "wrong")
    tally.add(look)
    assert (tally.looked, tally.sound, tally.plain, tally.pixels) == (1, 0, 0, 0)
    assert tally.shortest is None
    assert tally.kinds == {UNDECODABLE: 1, GEOMETRY: 1}
    assert list(tally.digests.groups()) == []


def test_causes_are_counted_without_their_numbers():
    tally = Tally(3)
    for index in range(3):
        look = Look(index)
        look.fault(UNDECODABLE, f"CRC-32: cut after {10**index} bytes")
        tally.add(look)
    assert tally.causes == {"CRC-32: cut after N bytes": 3}
    assert tally.broken[2] == ((UNDECODABLE, "CRC-32: cut after 100 bytes"),)


def test_equal_causes_are_kept_once():
    tally = Tally(2)
    for index in range(2):
        look = Look(index)
        look.fault(UNDECODABLE, "".join(["cut", " off"]))
        tally.add(look)
    assert tally.broken[0][0] is tally.broken[1][0]


def test_twins_are_found():
    tally = Tally(4)
    for index in range(3):
        look = sound(index, jpeg(8, 8))
        look.digest = bytes(16)
        if index == 1:
            look.fault(GEOMETRY, "wrong")  # its twin is not worth telling
        tally.add(look)
    assert [group.tolist() for group in tally.digests.groups()] == [[0, 2]]
