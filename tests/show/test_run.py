"""The command as a whole, in this process."""

import numpy as np
import pytest
from PIL import Image

from fasttricks import (
    RICAP,
    CutMix,
    Cutout,
    Mixup,
    OneOf,
    RandomErasing,
    Samples,
    make_loader,
    pipelines,
)
from fasttricks.cli import main
from fasttricks.data import scan_folder
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.plan import plan_batch
from fasttricks.show import run as show_run
from fasttricks.show.collect import Outputs
from fasttricks.show.columns import Made
from fasttricks.show.config import ShowConfig
from fasttricks.show.draw import BOX_COLOR
from fasttricks.show.grid import GAP, GROUP_GAP, MARGIN

SIZE, ZOOM = 32, 6
SIDE = SIZE * ZOOM
FIRST = MARGIN + SIDE * 4 // 3 + GROUP_GAP
"""Left edge of the first pipeline's first column."""


@pytest.fixture(autouse=True)
def roi():
    state = pipelines()["roi"]
    if not state.available:
        pytest.skip(state.reason)


def show(out, *arguments):
    return main(["show", "--out", str(out), "--size", str(SIZE), *map(str, arguments)])


def contains(picture, part, left):
    """The y at which a part stands at this left edge, or None."""
    height, width, _ = part.shape
    column = picture[:, left : left + width]
    for y in range(len(column) - height + 1):
        if (column[y] == part[0]).all() and (column[y : y + height] == part).all():
            return y
    return None


def by_training(folder, index, epoch, seed, **options):
    """The picture and target of a sample, from a loader that goes through the whole epoch."""
    common = {"batch_size": 32, "size": SIZE, "seed": seed, "drop_last": False}
    with make_loader("roi", folder, num_threads=1, **common, **options) as loader:
        loader.set_epoch(epoch)
        for step, (images, targets) in enumerate(loader):
            rows = loader.indices(epoch, step).tolist()
            if index in rows:
                row = rows.index(index)
                augment = Augment()
                levels = images[row].permute(1, 2, 0).numpy() * np.float32(augment.std)
                return levels + np.float32(augment.mean), targets, row
    raise AssertionError(index)


def as_shown(levels):
    shown = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return np.repeat(np.repeat(shown, ZOOM, 0), ZOOM, 1)


def test_the_png_holds_what_training_would_see(picture_folder, tmp_path, capsys):
    out = tmp_path / "x.png"
    options = ["--pipeline", "roi", "--mix", "mixup", "--alpha", 1, "--index", "3,30"]
    done = show(out, "--data", picture_folder, "--epoch", 2, "--seed", 7, *options)
    assert done == 0
    told = capsys.readouterr().out
    assert f"{out}: samples 3, 30 of {picture_folder.name}, by roi" in told
    with Image.open(out) as image:
        assert image.format == "PNG"
        picture = np.asarray(image.convert("RGB"))
    for index in (3, 30):
        plain, *_ = by_training(picture_folder, index, 2, 7)
        mixed, targets, row = by_training(picture_folder, index, 2, 7, mix=Mixup(1.0))
        assert contains(picture, as_shown(plain), FIRST) is not None
        assert contains(picture, as_shown(mixed), FIRST + SIDE + GAP) is not None
        assert int(targets.indices[row, 0]) == index
        other, *_ = by_training(picture_folder, index, 3, 7)
        assert contains(picture, as_shown(other), FIRST) is None


def test_the_frames_in_the_png_are_the_plans_boxes(picture_folder, tmp_path):
    samples = scan_folder(picture_folder)
    assert (
        show(tmp_path / "x.png", "--data", picture_folder, "--pipeline", "roi", "--index", 9) == 0
    )
    with Image.open(tmp_path / "x.png") as image:
        picture = np.asarray(image.convert("RGB"))
    with Image.open(samples.name(9)) as stored:
        width, height = stored.size
    params = Augment().params(size=SIZE, train=True, work="full")
    (plan,), _ = plan_batch(0, 0, [9], [0], [height], [width], params)
    scale = min(SIDE * 4 // 3 / width, SIDE / height)
    rows, columns = np.nonzero((picture[:, :FIRST] == BOX_COLOR).all(-1))
    assert abs(columns.min() - MARGIN - plan["left"] * scale) <= 0.5
    assert abs(columns.max() + 1 - MARGIN - (plan["left"] + plan["width"]) * scale) <= 0.5
    assert abs(rows.max() + 1 - rows.min() - plan["height"] * scale) <= 1


def test_two_pipelines_are_compared_and_said_to_agree(picture_folder, tmp_path, capsys):
    out = tmp_path / "x.png"
    options = ["--pipeline", "roi,torchvision", "--index", "0,1"]
    assert show(out, "--data", picture_folder, *options) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("torchvision against roi: ")
    # A level of the resize, times brightness and hue.
    assert "identical" in line or float(line.split()[5]) < 6


def test_without_data_pictures_are_generated(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(show_run, "GENERATED", 8)
    assert show(tmp_path / "x.png", "--pipeline", "roi") == 0
    assert "of generated pictures, by roi" in capsys.readouterr().out
    assert (tmp_path / "x.png").exists()
    assert [path.name for path in tmp_path.iterdir() if ".part" in path.name] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--pipeline", "dalli"],
            "unknown pipeline 'dalli'; did you mean dali? known: all, torchvision, roi",
        ),
        (["--index", "37"], "the data set has samples 0 to 36; got 37"),
        (["--index", "first"], "--index takes numbers"),
        (["--mix", "mixup,cutmix"], "only the first of several can mix"),
        (["--mix", "mixup", "--alpha", "0"], "alpha must be a number > 0"),
        (["--data", "/no/such/place"], "/no/such/place does not exist"),
        (["--out", "/no/such/folder/x.png"], "/no/such/folder is not a folder"),
        (["--out", "/tmp/x.gif"], "must end in .png"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(arguments, words, picture_folder, tmp_path, capsys):
    before = ["show", "--data", str(picture_folder), "--pipeline", "roi"]
    out = [] if "--out" in arguments else ["--out", str(tmp_path / "x.png")]
    assert main([*before, *out, *arguments]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert len(told.strip().splitlines()) == 1
    assert not (tmp_path / "x.png").exists()


def test_a_folder_of_that_name_is_not_written_over(picture_folder, tmp_path, capsys):
    (tmp_path / "x.png").mkdir()
    assert show(tmp_path / "x.png", "--data", picture_folder, "--pipeline", "roi") == 2
    assert "is a folder" in capsys.readouterr().err


def test_all_leaves_out_what_would_take_long_or_cannot_read_the_data(picture_folder, capsys):
    names = show_run.usable(["all"], scan_folder(picture_folder))
    assert names[0] == "torchvision"
    assert "roi" in names
    assert not {"resident", "ffcv"} & set(names)
    told = capsys.readouterr().err
    assert "left out: resident: would decode the whole data set" in told
    assert "left out: ffcv: reads a pack or a .beton; see " in told
    assert show_run.usable(["resident", "all"], scan_folder(picture_folder))[0] == "resident"
    assert "left out: resident" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "mixes"),
    [
        ({}, ()),
        ({"mix": "mixup"}, (Mixup(),)),
        ({"mix": "cutmix,cutout", "alpha": 0.5}, (CutMix(0.5), Cutout(20))),
        ({"mix": "mixup-or-cutmix", "alpha": 1.0}, (OneOf(Mixup(1.0), CutMix(1.0)),)),
        ({"mix": "ricap"}, (RICAP(),)),
        ({"mix": "erasing"}, (RandomErasing(),)),
    ],
)
def test_mixes_by_name(settings, mixes):
    assert show_run.mixes(ShowConfig(size=40, **settings)) == mixes


def test_large_sets_are_not_indexed_unasked(monkeypatch, capsys):
    monkeypatch.setattr(show_run, "SMALL", 2)
    samples = Samples(["/a/x.jpg", "/a/y.jpg", "/a/z.jpg"])
    assert not show_run._may_cut(samples)
    assert "no seek index yet for these 3 pictures" in capsys.readouterr().err
    monkeypatch.setattr(show_run, "SMALL", 3)
    assert show_run._may_cut(samples)


def test_what_pipelines_replaced_is_told_once(capsys):
    def of(pipeline, *replaced):
        plain = Outputs(levels=[], parts=[], replaced=list(replaced))
        return Made(pipeline=pipeline, plain=plain, mixed=None)

    cut, empty = "sample 3 (c.jpg): cut short", "sample 9 (i.jpg): empty"
    show_run._tell_replaced([of("roi", cut, empty, cut), of("dali", cut)])
    assert capsys.readouterr().err.splitlines() == [
        f"replaced {cut}; by roi, dali",
        f"replaced {empty}; by roi",
    ]
