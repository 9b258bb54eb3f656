"""The estimate for several GPUs: sums done by hand, and refusals."""

import json

import pytest

from fasttricks.bench.estimate import Config, estimates, main
from fasttricks.errors import DataError


def rows(device="cuda", **changes):
    """As `bench --train` writes them; the times are made up."""
    about = {"device": device, "batch_size": 100, "recipe": "tricks", "model": "m", "size": 224}
    about |= {"precision": "float16", "settings": []} | changes
    return [
        {"kind": "step, cached batch", "pipeline": "", "step_ms": 200.0, **about},
        {"kind": "loader", "pipeline": "roi", "step_ms": 240.0, **about},
        {"kind": "training", "pipeline": "roi", "step_ms": 250.0, **about},
    ]


@pytest.fixture
def written(tmp_path):
    def write(lines):
        path = tmp_path / "gpu.json"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    return write


def test_sums_done_by_hand(tmp_path):
    config = Config(tmp_path, gpus=4, pictures=40_399, epochs=18, efficiency=0.5)
    (one,) = estimates(rows(), config)
    # 100 steps of 400 pictures (399 are left out), 0.25 s / 0.5 each
    assert one["pipeline"] == "roi"
    assert one["images_per_s"] == pytest.approx(800)
    assert one["epoch_s"] == pytest.approx(50)
    assert one["hours"] == pytest.approx(0.25)
    assert one["unfed_hours"] == pytest.approx(0.2)


def test_epochs_are_the_recipes_unless_given(tmp_path):
    (given,) = estimates(rows(), Config(tmp_path, epochs=200))
    (own,) = estimates(rows(), Config(tmp_path))
    assert own == given  # tricks has 200
    (fewer,) = estimates(rows(recipe="fast16"), Config(tmp_path))
    assert fewer["hours"] < own["hours"] / 10


def test_the_recipe_is_estimated_as_it_was_measured(tmp_path):
    (whole,) = estimates(rows(), Config(tmp_path))
    (short,) = estimates(rows(settings=["schedule.epochs=10"]), Config(tmp_path))
    assert short["hours"] == pytest.approx(whole["hours"] / 20)  # tricks has 200
    (paired,) = estimates(
        rows(settings=["mix.kind=mixup", "mix.pairing=two-batches"]), Config(tmp_path)
    )
    assert paired["epoch_s"] == pytest.approx(whole["epoch_s"] / 2, rel=1e-3)


def test_growing_pictures_are_told(written, capsys):
    main(Config(written(rows(recipe="fast16"))))
    assert "every epoch is taken as one of 224 px" in capsys.readouterr().out
    main(Config(written(rows())))
    assert "every epoch" not in capsys.readouterr().out


def test_pictures_that_are_read_for_mixing_are_no_steps(tmp_path):
    """`assemble` takes 1200 passes, each of half as many steps as pictures make batches."""
    (one,) = estimates(rows(recipe="assemble"), Config(tmp_path))
    (plain,) = estimates(rows(), Config(tmp_path, epochs=600))
    assert one["hours"] == pytest.approx(plain["hours"], rel=1e-3)


def test_what_is_printed_says_what_is_assumed(written, capsys):
    main(Config(written(rows()), efficiency=0.9))
    said = capsys.readouterr().out
    assert "8 x 100 pictures a step" in said
    assert "efficiency 0.9 (assumed)" in said
    assert "roi" in said


def test_a_measurement_on_a_cpu_is_refused(written):
    with pytest.raises(DataError, match=r"measured on cpu.*--device cuda"):
        main(Config(written(rows("cpu"))))


@pytest.mark.parametrize("content", ["", "not json\n", '{"row": "roi"}\n', "[1]\n"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(DataError, match=r"x\.json"):
        main(Config(tmp_path / "x.json"))
    with pytest.raises(DataError, match=r"none\.json"):
        main(Config(tmp_path / "none.json"))


@pytest.mark.parametrize(
    "wrong", [{"gpus": 0}, {"pictures": 0}, {"epochs": 0}, {"efficiency": 0}, {"efficiency": 1.1}]
)
def test_numbers_out_of_range_are_named(tmp_path, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Config(tmp_path, **wrong).check()


def test_less_than_a_batch_is_refused(tmp_path):
    with pytest.raises(ValueError, match="fewer than one batch"):
        estimates(rows(), Config(tmp_path, pictures=799))
