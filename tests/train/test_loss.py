"""The loss of a recipe, with and without a teacher."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fasttricks.data.samples import Samples
from fasttricks.errors import DataError
from fasttricks.kernels.augment import Augment
from fasttricks.models.inception import InceptionLogits
from fasttricks.train import loss as module
from fasttricks.train.config import LossConfig
from fasttricks.train.loss import Loss
from fasttricks.train.normalize import CONSTANTS
from fasttricks.train.prefetch import Batch
from fasttricks.train.weights import Trained
from fasttricks.tricks.distillation import OnlineTeacher
from fasttricks.tricks.teacher_logits import FORMAT, About, fingerprint, write_logits
from tests.pictures import jpeg

CPU = torch.device("cpu")
AUGMENT = Augment()


@pytest.fixture(scope="module")
def samples():
    return Samples([jpeg(40, 40, seed=i) for i in range(6)], [0, 1, 2, 0, 1, 2])


def test_without_a_teacher_it_is_cross_entropy(samples):
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    loss = Loss(LossConfig(smoothing=0.1), samples, AUGMENT, 3, CPU)
    assert not loss.needs_indices
    expected = F.cross_entropy(logits, labels, label_smoothing=0.1)
    got = loss(logits, Batch(torch.empty(4, 3, 8, 8), labels))
    assert torch.allclose(got.whole, expected)
    assert got.labels is got.whole
    assert not loss.distils


def expected(logits, labels, teacher, t):
    soft = -(F.log_softmax(logits / t, 1) * F.softmax(teacher / t, 1)).sum(1).mean()
    return F.cross_entropy(logits, labels) + t * t * soft


def test_stored_logits_are_those_of_the_batchs_samples(samples, tmp_path):
    table = torch.randn(6, 3)
    about = About(format=FORMAT, data=fingerprint(samples), model="big", size=8)
    path = write_logits(
        tmp_path / "t.npy", 6, [(np.arange(6), table)], lambda: about, dtype="float32"
    )
    loss = Loss(LossConfig(teacher=str(path), temperature=2.0), samples, AUGMENT, 3, CPU)
    assert loss.needs_indices
    logits, labels, ids = torch.randn(2, 3), torch.tensor([1, 0]), torch.tensor([4, 3])
    got = loss(logits, Batch(torch.empty(2, 3, 8, 8), labels, ids))
    assert torch.allclose(got.whole, expected(logits, labels, table[ids], 2.0))
    wrong = loss(logits, Batch(torch.empty(2, 3, 8, 8), labels, ids.flip(0)))
    assert not torch.allclose(got.whole, wrong.whole)
    with pytest.raises(DataError, match="knows 3 classes, the student 5"):
        Loss(LossConfig(teacher=str(path)), samples, AUGMENT, 5, CPU)


def test_an_online_teacher_sees_the_batch_and_does_not_learn(samples, monkeypatch):
    big = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 3))
    monkeypatch.setattr(module, "_load_teacher", lambda path, *_: (OnlineTeacher(big), 3, []))
    loss = Loss(LossConfig(teacher="x.pt", temperature=2.0), samples, AUGMENT, 3, CPU)
    images, labels = torch.randn(2, 3, 8, 8), torch.tensor([1, 0])
    logits = torch.randn(2, 3, requires_grad=True)
    got = loss(logits, Batch(images, labels))
    assert torch.allclose(got.whole, expected(logits, labels, big(images), 2.0))
    assert torch.allclose(got.labels, F.cross_entropy(logits, labels))
    assert loss.distils
    got.whole.backward()
    assert logits.grad is not None
    assert all(parameter.grad is None for parameter in big.parameters())


def test_an_auxiliary_head_learns_too_with_a_smaller_share(samples):
    logits, aux, labels = torch.randn(4, 3), torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    loss = Loss(LossConfig(), samples, AUGMENT, 3, CPU)
    batch = Batch(torch.empty(4, 3, 8, 8), labels)
    both = loss(InceptionLogits(logits, aux), batch).whole
    assert torch.allclose(
        both, F.cross_entropy(logits, labels) + 0.4 * F.cross_entropy(aux, labels)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("student", ["mean-only", "half", "bag-of-tricks"])
def test_a_teacher_gets_pixels_as_it_was_trained_with(student, dtype, monkeypatch):
    """`assemble` divides by nothing, so a teacher of `tricks` would be asked about noise."""
    seen = []

    class Watched(nn.Module):
        classifier = nn.Linear(1, 3)

        def forward(self, images):
            seen.append(images)
            return images[:, :3, 0, 0]

    recipe = {"augment": {"normalize": "bag-of-tricks"}}
    trained = Trained(model=Watched(), name="own", recipe=recipe)
    monkeypatch.setattr(module, "load_trained", lambda path: trained)
    pixels = torch.rand(2, 3, 4, 4) * 255
    mean, std = CONSTANTS[student]
    samples = Samples([jpeg(8, 8)], [0])
    loss = Loss(LossConfig(teacher="x.pt"), samples, Augment(mean=mean, std=std), 3, CPU)
    images = normalised(pixels, student).to(dtype)
    loss(torch.zeros(2, 3), Batch(images, torch.tensor([0, 1])))
    # bfloat16 has 8 bits: 151 of mean-only is within 0.5, which are 0.01 of a standard deviation.
    close = {"atol": 1e-5, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 0.02, "rtol": 0.01}
    torch.testing.assert_close(seen[0].float(), normalised(pixels, "bag-of-tricks"), **close)
    if student == "bag-of-tricks":
        assert seen[0] is images  # nothing is done where nothing is to do


def normalised(pixels, name):
    mean, std = (torch.tensor(row)[:, None, None] for row in CONSTANTS[name])
    return (pixels - mean) / std
