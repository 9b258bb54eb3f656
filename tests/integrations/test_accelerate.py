"""Accelerate's prepare leaves our loader alone, so that it is cut up once, by itself."""

import importlib.util

import pytest

from fasttricks import make_loader
from fasttricks.integrations.trainer import TrainerLoader
from tests.integrations.conftest import SIZE, TRAIN, VAL, launch, path

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("accelerate") is None,
    reason="accelerate is not installed: pip install 'fasttricks[integrations]'",
)


@pytest.fixture
def accelerator():
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    yield accelerator
    accelerator.end_training()


def test_prepare_gives_the_loader_back(accelerator, data, pipeline):
    with make_loader(pipeline, data, batch_size=8) as loader:
        assert accelerator.prepare(loader) is loader
        wrapped = TrainerLoader(loader)
        assert accelerator.prepare(wrapped) is wrapped


def test_the_example_goes_on_from_its_checkpoint(example, data, pipeline, tmp_path, capsys):
    loop = example("accelerate_loop", "accelerate")
    settings = {"pipeline": pipeline, "batch_size": 8, "size": SIZE}
    for epochs in 1, 3:
        _, seen = loop.main(data, epochs=epochs, checkpoint=tmp_path / "state", **settings)
        assert seen == VAL
    epochs = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert epochs == ["epoch 0", "epoch 1", "epoch 2"]


def test_two_processes_share_the_pictures(data, pipeline, tmp_path):
    """On its own `accelerate launch`: each validation picture counts once."""
    shown = launch(
        "accelerate.commands.launch",
        *("--cpu", "--num_processes", 2, "--num_machines", 1, "--mixed_precision", "no"),
        *("--dynamo_backend", "no", "--main_process_port", 0),
        path("accelerate_loop"),
        *(data, "--pipeline", pipeline, "--epochs", 1, "--batch-size", TRAIN // 4),
        *("--size", SIZE),
        ACCELERATE_USE_CPU="true",
    )
    assert f"of {VAL} correct" in shown
