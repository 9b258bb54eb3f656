import shutil

import pytest
from PIL import Image

from fasttricks.data.folder import scan_folder
from fasttricks.data.seek.build import build_index
from fasttricks.doctor.scan import scan
from fasttricks.doctor.scan_words import LISTED, show
from tests.pictures import encode, jpeg, smooth_picture


@pytest.fixture
def told(capsys):
    def tell(folder, **options):
        show(scan(scan_folder(folder)), "the set", **options)
        return capsys.readouterr().out.splitlines()

    return tell


def line(lines, title):
    (found,) = [text for text in lines if text.strip().startswith(title)]
    return found


def test_a_sound_set(folder, told):
    build_index(scan_folder(folder))
    lines = told(folder)
    assert lines[0].startswith("the set: 10 pictures")
    assert "10: 10 plain, 0 odd" in line(lines, "good")
    assert line(lines, "broken").split() == ["broken", "0"]
    assert "8 sequential, 2 progressive, 2 grey" in line(lines, "JPEG")
    assert "10 entries, 0 stale" in line(lines, "seek index")
    assert not [text for text in lines if "refresh" in text or "duplicates" in text]


def test_everything_worth_knowing(folder, told):
    tags = Image.Exif()
    tags[0x0112] = 8
    (folder / "class_0" / "turned.jpg").write_bytes(jpeg(20, 30, exif=tags))
    (folder / "class_0" / "png.jpg").write_bytes(encode(smooth_picture(20, 30, 0), "PNG"))
    shutil.copy(folder / "class_0" / "00.jpg", folder / "class_1" / "twin.jpg")
    samples = scan_folder(folder)
    path = build_index(samples)
    samples.path(0).touch()
    lines = told(folder)
    assert "1 have an orientation other than 1 (1 orientation 8)" in line(lines, "EXIF")
    assert "fasttricks ignores it" in line(lines, "EXIF")
    assert "1 not a JPEG" in line(lines, "odd, but good")
    assert "1 PNG named .jpg" in line(lines, "misnamed")
    assert "repeat another picture byte for byte: 1; groups of such: 1, across classes: 1" in line(
        lines, "dupl"
    )
    assert [text for text in lines if "00.jpg = " in text and text.endswith("twin.jpg")]
    assert f"{path}: 13 entries, 1 stale" in line(lines, "seek index")
    assert "fasttricks index DATA --refresh" in line(lines, "seek index")


def test_no_index(folder, told):
    assert "none; loaders make one" in line(told(folder), "seek index")


def test_a_damaged_index(folder, told):
    path = build_index(scan_folder(folder))
    path.write_bytes(path.read_bytes()[:-8])
    lines = told(folder)
    assert "cut short" in line(lines, "seek index")
    assert lines[-1].startswith(f"the seek index {path} ")
    assert lines[-1].count(str(path)) == 1


def test_broken_pictures_are_one_line_each(folder, told):
    name = folder / "class_0" / ("a very long name " * 12 + "with [bold] and\nline.jpg")
    name.write_bytes(b"no picture")
    (folder / "class_1" / "\udcff.jpg").write_bytes(b"")
    lines = told(folder)
    assert lines[-2].endswith("(sample 5): PIL does not recognise it as a picture")
    assert "with [bold] and\\nline.jpg" in lines[-2]
    assert lines[-1].endswith("\\udcff.jpg' (sample 11): the file is empty")
    assert "2: 2 undecodable" in line(lines, "broken")


def test_only_the_first_are_named_unless_asked(folder, told):
    for i in range(LISTED + 7):
        (folder / "class_1" / f"wrong_{i:03d}.jpg").write_bytes(b"no picture")
    lines = told(folder)
    assert sum("wrong_" in text for text in lines) == LISTED
    assert lines[-1].startswith("and 7 more")
    assert sum("wrong_" in text for text in told(folder, everything=True)) == LISTED + 7
