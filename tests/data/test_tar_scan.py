import bz2
import gzip
import os
import tarfile
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasttricks.data.tar_scan import scan_tar
from fasttricks.errors import DataError
from tests.data.pack_maker import write_tar

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
part = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)
name = st.lists(part.filter(lambda p: p not in (".", "..")), min_size=1, max_size=30).map("/".join)


def check(path, members, within=None):
    """The scan finds these (name, content) pairs, where they are."""
    found = list(scan_tar(path, within))
    content = path.read_bytes()
    assert [m.name for m in found] == [name for name, _ in members]
    assert [content[m.offset : m.offset + m.size] for m in found] == [data for _, data in members]
    for m in found:
        last_block = content[m.offset - 512 : m.offset]
        assert tarfile.TarInfo.frombuf(last_block, "utf-8", "replace").isreg()
        assert m.header <= m.offset - 512
        assert m.header % 512 == m.offset % 512 == 0
    return found


@given(
    st.lists(st.tuples(name, st.binary(max_size=1500)), max_size=8),
    st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
@settings(deadline=None, max_examples=60)
def test_names_and_places(tmp_path_factory, members, format):
    path = tmp_path_factory.getbasetemp() / "some.tar"
    check(write_tar(path, members, format), members)


@pytest.mark.parametrize("format", FORMATS)
def test_long_names(tmp_path, format):
    long = "folder/" * 20 + "picture.jpg"
    members = [("a.jpg", b"a" * 1000), (long, b"b" * 512), ("c.jpg", b"")]
    first, second, _ = check(write_tar(tmp_path / "x.tar", members, format), members)
    assert (first.header, first.offset) == (0, 512)
    assert second.header == 512 + 1024
    assert (second.offset - second.header > 512) == (format != tarfile.USTAR_FORMAT)


def test_names_that_are_not_utf8(tmp_path):
    members = [
        (os.fsdecode(b"n\xff\xfe.jpg"), b"1"),
        ("new\nline ☃.jpg", b"2"),
        ("./d/x.jpg", b"3"),
    ]
    check(write_tar(tmp_path / "x.tar", members), members)


def test_only_regular_files(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w:") as tar:
        for kind, name in ((tarfile.DIRTYPE, "d.jpg"), (tarfile.SYMTYPE, "link"), (b"0", "d/a")):
            info = tarfile.TarInfo(name)
            info.type = kind
            tar.addfile(info)
    check(tmp_path / "x.tar", [("d/a", b"")])


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.SYMTYPE])
def test_pictures_that_are_links_are_not_passed_over(tmp_path, kind):
    with tarfile.open(tmp_path / "x.tar", "w:") as tar:
        info = tarfile.TarInfo("n/a.JPEG")
        info.type, info.linkname = kind, "b.JPEG"
        tar.addfile(info)
    with pytest.raises(DataError, match=r"'n/a.JPEG' is no file but perhaps a link"):
        list(scan_tar(tmp_path / "x.tar"))


def test_sparse_members(tmp_path):
    path = write_tar(tmp_path / "x.tar", [("a.jpg", b"x")])
    content = bytearray(path.read_bytes())
    info = tarfile.TarInfo("a.jpg")
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 1
    content[:512] = info.tobuf(tarfile.GNU_FORMAT)
    path.write_bytes(content)
    with pytest.raises(DataError, match="sparse"):
        list(scan_tar(path))


@pytest.mark.parametrize("format", FORMATS)
def test_a_tar_in_a_tar_in_a_tar(tmp_path, format):
    pictures = [("n0/1.jpg", b"one" * 400), ("n0/2.jpg", b"two" * 300)]
    inner = write_tar(tmp_path / "inner", pictures, format).read_bytes()
    middle = [("first.tar", inner), ("second.tar", inner)]
    content = write_tar(tmp_path / "middle", middle, format).read_bytes()
    outer = [("readme", b"text"), ("middle.tar", content), ("last.jpg", b"x")]
    path = write_tar(tmp_path / "outer.tar", outer, format)
    whole = check(path, outer)[1]
    for tar in check(path, middle, whole):
        check(path, pictures, tar)


def test_a_tar_in_a_tar_ends_where_it_ends(tmp_path):
    """What follows it in the outer one is none of its members."""
    inner = write_tar(tmp_path / "inner", [("1.jpg", b"one" * 400)]).read_bytes()
    for length in (0, 100, 512, 1000, 2048):  # 2048 has no end mark
        outer = [("n0.tar", inner[:length]), ("n1.tar", inner)]
        path = write_tar(tmp_path / "outer.tar", outer)
        first, second = scan_tar(path)
        with pytest.raises(DataError, match=r"outer\.tar/n0\.tar (is|cannot)"):
            list(scan_tar(path, first))
        check(path, [("1.jpg", b"one" * 400)], second)


def test_every_length_but_padding_is_noticed(tmp_path):
    members = [("a.jpg", b"a" * 700), ("x" * 200, b"b" * 512)]
    data = write_tar(tmp_path / "whole.tar", members).read_bytes()
    end = max(m.offset + m.size for m in scan_tar(tmp_path / "whole.tar"))
    short = tmp_path / "short.tar"
    for length in range(0, end + 512, 37):
        short.write_bytes(data[:length])
        with pytest.raises(DataError, match=r"short\.tar (is|cannot)") as error:
            list(scan_tar(short))
        assert "\n" not in str(error.value)
    short.write_bytes(data[: end + 512])  # one block of zeros is an end mark
    check(short, members)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(b"x", mtime=0), r"compressed \(gzip\)"),
        (bz2.compress(b"x"), r"compressed \(bzip2\)"),
        (b"\x28\xb5\x2f\xfd" + bytes(20), r"compressed \(zstd\)"),
        (b"", "no tar"),
        (b"text" * 1000, "no tar"),
        (b"\xff\xd8\xff" + bytes(2000), "no tar"),
    ],
)
def test_what_is_no_tar(tmp_path, content, words):
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(DataError, match=rf"x\.tar is {words}"):
        list(scan_tar(tmp_path / "x.tar"))
    with pytest.raises(DataError, match="No such file"):
        list(scan_tar(tmp_path / "nowhere.tar"))


def test_an_empty_tar_has_no_members(tmp_path):
    check(write_tar(tmp_path / "x.tar", []), [])


def test_damaged_tars_end_in_an_error_or_in_places_that_exist(tmp_path):
    """Bytes changed at random in the headers, checksums made good again."""
    members = [("a.jpg", b"a" * 700), ("x" * 200, b"b" * 512), ("c.jpg", b"")]
    formats = [write_tar(tmp_path / "x.tar", members, f).read_bytes() for f in FORMATS[1:]]
    rng, path, failed = np.random.default_rng(0), tmp_path / "damaged.tar", 0
    for round in range(600):
        data = bytearray(formats[round % 2])
        block = 512 * int(rng.integers(0, 8))  # behind them is padding
        for _ in range(rng.integers(1, 4)):
            byte = rng.choice([0, 0x80, 0xFF, 0x37, rng.integers(256)])
            data[block + int(rng.integers(512))] = byte
        if rng.integers(2):
            start = int(rng.choice([124, 136]))  # the size, in base 256
            data[block + start] = rng.choice([0x80, 0xFF])
        data[block + 148 : block + 156] = b"        "
        data[block + 148 : block + 155] = b"%06o\0" % sum(data[block : block + 512])
        path.write_bytes(data)
        try:
            for m in scan_tar(path):
                assert 512 <= m.offset <= m.offset + m.size <= len(data)
        except DataError:
            failed += 1
    assert 50 < failed < 600


def test_members_that_were_given_are_not_kept(tmp_path):
    """As tarfile would do, and a tar may have a million."""
    path = write_tar(tmp_path / "x.tar", [(f"{n}.jpg", b"") for n in range(3000)])
    tracemalloc.start()
    assert sum(1 for _ in scan_tar(path)) == 3000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300_000


def test_a_tar_without_end_blocks_says_how_to_end_it(tmp_path):
    path = tmp_path / "x.tar"
    write_tar(path, [("a.jpg", b"x" * 512)])
    whole = path.read_bytes()
    path.write_bytes(whole[:1024])
    with pytest.raises(DataError, match="copy it again, or if it is whole, end it: head -c 1024"):
        list(scan_tar(path))
    path.write_bytes(whole[:1024] + bytes(1024))
    assert [member.name for member in scan_tar(path)] == ["a.jpg"]
