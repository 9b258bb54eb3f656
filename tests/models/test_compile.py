"""Every network is one graph, in training and in evaluation, and DropBlock may move meanwhile."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from fasttricks.models.builders import build_model
from fasttricks.models.config import SE, DropBlock, ResNetConfig
from fasttricks.models.dropblock import DropBlock2d, set_keep
from fasttricks.models.names import list_models
from tests.models.network_checks import ARCHITECTURES, pictures, small_network


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def test_every_name_is_among_the_architectures():
    assert sorted("+".join(ARCHITECTURES).split("+")) == sorted(list_models())


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("config", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_one_graph_with_the_same_logits(config, training):
    model = small_network(config).train(training)
    whole = torch.compile(copy.deepcopy(model), fullgraph=True, backend="eager")
    x = pictures(config)
    with torch.no_grad():
        torch.testing.assert_close(seeded(whole, x), seeded(model, x))


def test_the_parts_of_features_are_one_graph():
    config = ARCHITECTURES["assemble_resnet50+assemble_resnet101"]
    model = small_network(config)
    x = pictures(config)
    features = torch.compile(model.features, fullgraph=True, backend="eager")
    with torch.no_grad():
        for got, expected in zip(features(x), model.features(x), strict=True):
            torch.testing.assert_close(got, expected)


def test_inception_returns_its_pair_from_one_graph():
    config = ARCHITECTURES["inception_v3"]
    with torch.device("meta"):
        model = build_model(type(config)(num_classes=4, aux=True)).train()
        x = torch.empty(2, 3, 299, 299)
    both = torch.compile(model, fullgraph=True, backend="eager")(x)
    assert both.logits.shape == both.aux.shape == (2, 4)


@pytest.fixture
def dropping() -> nn.Module:
    return small_network(
        ResNetConfig(depth=18, stem="small", num_classes=10, dropblock=DropBlock(block_size=3))
    ).train()


def test_the_schedule_of_dropblock_does_not_recompile(dropping):
    x = pictures(ARCHITECTURES["mobilenet_v1+mobilenet_v1_075+mobilenet_v1_050+mobilenet_v1_025"])
    whole = torch.compile(dropping, fullgraph=True, backend="eager")
    logits = []
    with torch.no_grad(), torch._dynamo.config.patch(error_on_recompile=True):
        for keep in (1.0, 0.95, 0.5):
            set_keep(dropping, keep)
            torch.manual_seed(0)
            logits.append(whole(x))
    assert not torch.allclose(logits[0], logits[1])
    assert not torch.allclose(logits[1], logits[2])


def test_a_schedule_in_a_python_number_would_recompile():
    """What the test above is there to see."""

    class Scheduled(DropBlock2d):
        share = 1.0

        def forward(self, x: Tensor) -> Tensor:
            return x * self.share

    layer = Scheduled(1.0)
    whole = torch.compile(layer, fullgraph=True, backend="eager")
    with torch._dynamo.config.patch(error_on_recompile=True):
        whole(torch.ones(2))
        layer.share = 0.9
        with pytest.raises(torch._dynamo.exc.RecompileError):
            whole(torch.ones(2))


def test_a_training_step_under_inductor():
    """The real compiler on a stem and a stage (it takes seconds): the same loss and gradients."""
    config = ResNetConfig(
        depth=18, stem="small", num_classes=10, attention=SE(),
        dropblock=DropBlock(block_size=3, scales=(1, 0, 0, 0)),
    )  # fmt: skip
    model = small_network(config)
    model.stages = model.stages[:1]
    model.classifier = nn.Linear(model.stage_channels[0], 10)
    set_keep(model.train(), 1.0)  # inductor draws other random numbers
    whole = torch.compile(copy.deepcopy(model), fullgraph=True)
    x = torch.randn(2, 3, 16, 16).to(memory_format=torch.channels_last)
    results = []
    for run in (model, whole):
        logits = run(x)
        loss = nn.functional.cross_entropy(logits, torch.tensor([1, 7]))
        loss.backward()
        results.append([loss.detach(), *(p.grad for p in run.parameters())])
    for expected, got in zip(*results, strict=True):
        torch.testing.assert_close(
            got, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max())
        )


def seeded(run, x: Tensor) -> Tensor:
    torch.manual_seed(0)
    return run(x)
