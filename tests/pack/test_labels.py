"""Ground truth in each form gives the same labels; what does not fit is named."""

import gzip
from pathlib import Path

import pytest

from fasttricks.errors import DataError, MissingExtraError
from fasttricks.pack.labels import USUAL, find_labels, read_labels
from tests.pack.archives import SYNSETS, VAL, ids, meta, picture_name, synset_lines, tar_bytes
from tests.pack.packs import write

TRUTH = "ILSVRC2012_validation_ground_truth.txt"
NAMES = [picture_name(number) for number in range(len(VAL))]
EXPECTED = [SYNSETS[label] for label in VAL]


def labels(path):
    return read_labels(path).of(NAMES, Path("pictures.tar"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (synset_lines().decode(), EXPECTED),
        (synset_lines().decode().replace("\n", "\r\n\n"), EXPECTED),
        (
            "".join(f"{n} {s}\n" for n, s in reversed([*zip(NAMES, EXPECTED, strict=True)])),
            EXPECTED,
        ),
        ("".join(f"val/{n[:-5]} {s}\n" for n, s in zip(NAMES, EXPECTED, strict=True)), EXPECTED),
        ("".join(f"{n} {label}\n" for n, label in zip(NAMES, VAL, strict=True)), VAL),
        (
            "ImageId,PredictionString\n"
            + "".join(
                f"{n[:-5]},{s} 1 2 3 4 n01440764 5 6 7 8 \n"
                for n, s in reversed([*zip(NAMES, EXPECTED, strict=True)])
            ),
            EXPECTED,
        ),
    ],
    ids=["synsets", "empty-lines", "name-synset", "path-synset", "name-index", "kaggle"],
)
def test_text(text, expected, tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes(text.encode())
    assert labels(path) == expected
    assert read_labels(path).synsets == (sorted(SYNSETS) if expected is EXPECTED else [])


KIT = "ILSVRC2012_devkit_t12"


@pytest.mark.parametrize("form", ["archive", "folder", "beside", "archive-beside"])
def test_the_development_kit(form, tmp_path):
    pytest.importorskip("scipy", reason="scipy reads meta.mat")
    files = {f"{KIT}/data/{TRUTH}": ids(), f"{KIT}/data/meta.mat": meta(), f"{KIT}/readme": b""}
    archive = tmp_path / f"{KIT}.tar.gz"
    path = archive if form == "archive" else tmp_path / KIT
    if form in ("archive", "archive-beside"):
        archive.write_bytes(gzip.compress(tar_bytes(files)))
    if form in ("folder", "beside"):
        write(tmp_path, files)
    if form == "beside":
        path = path / "data" / TRUTH
    if form == "archive-beside":
        path = tmp_path / TRUTH
        path.write_bytes(ids())
    assert labels(path) == EXPECTED
    assert read_labels(path).synsets == sorted(SYNSETS)  # without the one above them


def test_numbers_need_the_kit(tmp_path, monkeypatch):
    path = tmp_path / TRUTH
    path.write_bytes(ids())
    with pytest.raises(DataError, match=r"only the development kit .* put its meta\.mat or"):
        read_labels(path)
    (tmp_path / "meta.mat").write_bytes(b"nonsense")
    for name in ("scipy", "scipy.io"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(MissingExtraError, match=r"fasttricks\[imagenet\]"):
        read_labels(path)
    monkeypatch.undo()
    pytest.importorskip("scipy", reason="scipy reads meta.mat")
    with pytest.raises(DataError, match=r"meta\.mat of .* cannot be understood"):
        read_labels(path)
    (tmp_path / "meta.mat").write_bytes(meta())
    for wrong, where in ((b"0", "line 1: '0'"), (b"1\n2\n4", "line 3: '4'"), (b"1\n9", "line 2")):
        path.write_bytes(wrong)
        with pytest.raises(DataError, match=where):
            read_labels(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "are empty"),
        (b" \n\n", "are empty"),
        (b"\xff\xfe\x00", "cannot be read: it is no text"),
        (b"a b\nc", "line 2: not 2 words"),
        (b"a b c\nd e f", "neither a label nor a name and a label"),
        (b"ImageId,PredictionString\na,n0 1 2\nb\n", "line 3: not ImageId"),
        (b"ImageId,PredictionString\na,\n", "line 2: not ImageId"),
    ],
)
def test_text_of_no_known_form(text, words, tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes(text)
    with pytest.raises(DataError, match=words) as caught:
        read_labels(path)
    assert str(path) in str(caught.value)


def test_files_that_are_not_what_they_seem(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_labels(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"holds no ILSVRC2012_validation_ground_truth\.txt"):
        read_labels(tmp_path)
    archive = tmp_path / f"{KIT}.tar.gz"
    archive.write_bytes(b"nonsense")
    with pytest.raises(DataError, match="is no archive, or damaged"):
        read_labels(archive)
    whole = gzip.compress(tar_bytes({"meta.mat": bytes(5000), TRUTH: ids()}))
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="is no archive, or damaged"):
        read_labels(archive)


def test_labels_that_do_not_fit_the_pictures(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes(synset_lines() + b"n01440764\n")
    with pytest.raises(DataError, match=r"pictures\.tar holds 6 pictures, but .* 7 labels"):
        labels(path)
    path.write_text("".join(f"{name} 1\n" for name in NAMES[2:]))
    with pytest.raises(DataError, match=r"no label for ILSVRC2012_val_00000001 .* nor for 1 oth"):
        labels(path)


def test_labels_beside_the_pictures(tmp_path):
    archive = tmp_path / "ILSVRC2012_img_val.tar"
    with pytest.raises(DataError, match="there is no ground truth beside"):
        find_labels(archive)
    for name in reversed(USUAL):
        (tmp_path / name).write_bytes(b"")
        assert find_labels(archive) == tmp_path / name


def test_the_mark_of_windows_editors_is_no_part_of_a_label(tmp_path):
    text = b"\xef\xbb\xbf" + f"{SYNSETS[0]}\n".encode()
    path = write(tmp_path, {"labels.txt": text}) / "labels.txt"
    assert read_labels(path).in_order == [SYNSETS[0]]
