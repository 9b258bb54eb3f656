"""Lightning's own trainer over our loader: epochs, and resuming through its checkpoints."""

import importlib.util

import numpy as np
import pytest
import torch

from fasttricks import Samples
from tests.integrations.conftest import CLASSES, SIZE
from tests.pictures import jpeg

COUNT, BATCH = 20, 4
STEPS = COUNT // BATCH

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("lightning") is None,
        reason="lightning is not installed: pip install 'fasttricks[integrations]'",
    ),
    pytest.mark.filterwarnings("ignore:::lightning"),
]


@pytest.fixture(scope="module")
def samples():
    return Samples([jpeg(40, 40, seed=i) for i in range(COUNT)], np.arange(COUNT))


@pytest.fixture
def run(example, samples, pipeline, tmp_path):
    """Train for some steps; gives the sample ids of each step, and the expected ones."""
    module = example("lightning_trainer", "lightning")
    import lightning
    from lightning.pytorch.callbacks import ModelCheckpoint

    class Watched(lightning.LightningModule):
        """Sees which samples come."""

        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(3, 1)
            self.seen = []

        def training_step(self, batch, step):
            images, targets = batch
            self.seen.append(targets.tolist())
            return self.layer(images.mean((2, 3))).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.01)

    def run_(checkpoint=None, every=None, **settings):
        save = ModelCheckpoint(
            tmp_path, filename="{step}", every_n_train_steps=every, save_top_k=-1
        )
        trainer = lightning.Trainer(
            accelerator="cpu",
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            limit_val_batches=0,
            callbacks=[save],
            **settings,
        )
        watched = Watched()
        trainer.fit(
            watched,
            datamodule=module.Pictures(samples, pipeline, BATCH, size=16),
            ckpt_path=checkpoint and str(tmp_path / f"step={checkpoint}.ckpt"),
        )
        return watched.seen

    return run_


@pytest.fixture
def plan(samples, pipeline):
    from fasttricks import make_loader

    with make_loader(pipeline, samples, batch_size=BATCH) as loader:
        yield lambda epochs: [
            loader.indices(e, step).tolist() for e in range(epochs) for step in range(STEPS)
        ]


def test_every_epoch_has_its_own_order(run, plan):
    assert run(max_epochs=3) == plan(3)


def test_shortened_epochs_differ_too(run, plan):
    two, four = plan(2)[:2], plan(2)[STEPS : STEPS + 2]
    assert run(max_epochs=2, limit_train_batches=2) == two + four


@pytest.mark.parametrize("steps", [3, STEPS, STEPS + 2, 2 * STEPS])
def test_a_resumed_run_sees_what_an_uninterrupted_one_sees(run, plan, steps):
    begun = run(max_steps=steps, every=1)
    rest = run(checkpoint=steps, max_epochs=3)
    assert begun + rest == plan(3)


def test_the_example(example, data, pipeline, tmp_path):
    module = example("lightning_trainer", "lightning")
    settings = {
        "pipeline": pipeline,
        "num_classes": CLASSES,
        "batch_size": 8,
        "size": SIZE,
        "folder": str(tmp_path),
        "save_every": 1,
        "accelerator": "cpu",
    }
    assert 0 <= module.main(data, epochs=1, **settings) <= 1
    assert 0 <= module.main(data, epochs=2, resume=str(tmp_path / "last.ckpt"), **settings) <= 1
