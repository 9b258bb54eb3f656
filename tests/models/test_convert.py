"""Weights of torchvision and timm in ours: the same logits, and refusals that name the keys."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
import torchvision
from torch import Tensor, nn

from fasttricks.errors import UnknownNameError
from fasttricks.models import convert as converting
from fasttricks.models.builders import create_model
from fasttricks.models.convert import convert
from tests.models.network_checks import lively

CLASSES = 7


def from_torchvision(name: str, **options) -> nn.Module:
    return getattr(torchvision.models, name)(weights=None, num_classes=CLASSES, **options)


def from_timm(name: str, **options) -> nn.Module:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    return timm.create_model(name, pretrained=False, num_classes=CLASSES, **options)


def their_inception(**options) -> nn.Module:
    return from_torchvision("inception_v3", init_weights=False, **options)


def pictures(size: int) -> Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(3))


def check_same_logits(theirs: nn.Module, name: str, size: int = 64, **overrides) -> None:
    """In float64, where nothing but a wrong weight or another layer makes a difference.

    Sums in another order are off by some 1e-15; `test_a_wrong_map_gives_other_logits` shows what
    wrong weights do.
    """
    x = pictures(size)
    theirs = lively(theirs, x).double()
    ours = create_model(name, num_classes=CLASSES, **overrides).double().eval()
    before = {key: tensor.clone() for key, tensor in theirs.state_dict().items()}
    ours.load_state_dict(convert(theirs.state_dict(), name, **overrides))
    with torch.no_grad():
        expected, got = theirs(x.double()), ours(x.double())
    assert expected.std() > 1e-2
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-11 * float(expected.std()))
    for key, tensor in theirs.state_dict().items():
        assert torch.equal(tensor, before[key])


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_torchvisions_resnets(depth):
    check_same_logits(from_torchvision(f"resnet{depth}"), f"resnet{depth}b")


def test_a_basic_block_strides_the_same_in_the_original():
    check_same_logits(from_torchvision("resnet18"), "resnet18")


@pytest.mark.parametrize("depth", [101, 152])
def test_keys_of_the_deep_resnets(depth):
    with torch.device("meta"):
        theirs = from_torchvision(f"resnet{depth}").state_dict()
        ours = create_model(f"resnet{depth}b", num_classes=CLASSES).state_dict()
    converted = convert(theirs, f"resnet{depth}b")
    assert {key: x.shape for key, x in converted.items()} == {k: x.shape for k, x in ours.items()}


def test_a_dilated_torchvision_resnet():
    theirs = from_torchvision("resnet50", replace_stride_with_dilation=[False, True, True])
    check_same_logits(theirs, "resnet50b", output_stride=8)


@pytest.mark.parametrize("aux", [False, True])
def test_torchvisions_inception_without_its_auxiliary_head(aux):
    check_same_logits(their_inception(aux_logits=aux), "inception_v3", size=75)


def test_torchvisions_inception_with_its_auxiliary_head():
    theirs = their_inception(aux_logits=True)
    ours = create_model("inception_v3", num_classes=CLASSES, aux=True).eval()
    halfway = torch.randn(2, 768, 17, 17)
    lively(theirs.AuxLogits, halfway)
    ours.load_state_dict(convert(theirs.state_dict(), "inception_v3", aux=True))
    with torch.no_grad():
        expected, got = (
            theirs.AuxLogits.double()(halfway.double()),
            ours.aux.double()(halfway.double()),
        )
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-11 * float(expected.std()))


@pytest.mark.parametrize(
    ("theirs", "ours", "overrides"),
    [
        ("resnet18d", "resnet18d", {}),
        ("resnet50", "resnet50b", {}),
        ("resnet50c", "resnet50c", {}),
        ("resnet50d", "resnet50d", {}),
        ("seresnet50", "se_resnet50", {"attention": {"bias": True}}),
    ],
)
def test_timms_resnets(theirs, ours, overrides):
    check_same_logits(from_timm(theirs), ours, **overrides)


def test_timms_inception():
    check_same_logits(from_timm("inception_v3"), "inception_v3", size=75)


def test_odd_sizes_agree_too():
    """D's pool at an odd edge, and the paddings of everything else."""
    check_same_logits(from_timm("resnet18d"), "resnet18d", size=75)


def test_a_wrong_map_gives_other_logits(monkeypatch):
    """Two blocks of the same shapes exchanged: every key fits, and only the logits tell."""
    blocks = converting.INCEPTION_BLOCKS
    first, second = blocks["stages.2.2"], blocks["stages.2.3"]
    monkeypatch.setitem(blocks, "stages.2.2", second)
    monkeypatch.setitem(blocks, "stages.2.3", first)
    with pytest.raises(AssertionError, match="not close"):
        check_same_logits(their_inception(), "inception_v3", size=75)


def test_a_wrong_pair_of_statistics_gives_other_logits(monkeypatch):
    def wrong(config):
        for ours, theirs in right(config):
            other = {"layer3.1.bn2": "layer3.2.bn2", "layer3.2.bn2": "layer3.1.bn2"}
            yield ours, other.get(theirs, theirs)

    right = converting._resnet_names
    monkeypatch.setattr(converting, "_resnet_names", wrong)
    with pytest.raises(AssertionError, match="not close"):
        check_same_logits(from_torchvision("resnet34"), "resnet34b")


def test_the_original_refuses_weights_that_would_fit():
    state = from_torchvision("resnet50").state_dict()
    assert convert(state, "resnet50b")
    with pytest.raises(ValueError, match=r"'resnet50' strides in the first 1 x 1.*'resnet50b'"):
        convert(state, "resnet50")
    with pytest.raises(ValueError, match="'resnet50b' strides in the first 1 x 1"):
        convert(state, "resnet50b", variant="original")


@pytest.mark.parametrize("name", ["mobilenet_v1", "sk_resnet50", "bl_resnet50"])
def test_models_that_nobody_else_has_are_refused(name):
    with pytest.raises(ValueError, match=f"no weights for '{name}'"):
        convert(from_torchvision("resnet18").state_dict(), name)


def test_missing_keys_are_named():
    state = from_torchvision("resnet18").state_dict()
    del state["layer2.0.bn2.running_var"]
    with pytest.raises(ValueError, match=r"'resnet18b'; missing: layer2.0.bn2.running_var$"):
        convert(state, "resnet18b")
    without = from_torchvision("inception_v3", aux_logits=False, init_weights=False).state_dict()
    with pytest.raises(ValueError, match=r"missing: AuxLogits.conv0.conv.weight"):
        convert(without, "inception_v3", aux=True)


def test_unexpected_keys_are_named():
    state = from_torchvision("resnet18").state_dict() | {"layer5.0.conv1.weight": torch.ones(1)}
    with pytest.raises(ValueError, match=r"'resnet18b'; unexpected: layer5.0.conv1.weight$"):
        convert(state, "resnet18b")


def test_another_variant_is_told_by_its_keys():
    state = from_torchvision("resnet50").state_dict()
    with pytest.raises(ValueError, match=r"missing: conv1.0.weight.*unexpected: conv1.weight"):
        convert(state, "resnet50c")
    with pytest.raises(ValueError, match=r"missing: .* and \d+ more"):
        convert(state, "inception_v3")


def test_other_shapes_are_named():
    state = from_torchvision("wide_resnet50_2").state_dict()
    shapes = r"layer1.0.conv1.weight \(128, 64, 1, 1\) for \(64, 64, 1, 1\)"
    with pytest.raises(ValueError, match=f"of another shape: {shapes}"):
        convert(state, "resnet50b")
    with pytest.raises(ValueError, match=r"fc.weight \(7, 512\) for \(9, 512\)"):
        convert(from_torchvision("resnet18").state_dict(), "resnet18b", num_classes=9)


def test_unknown_names_and_fields_are_named():
    state = from_torchvision("resnet18").state_dict()
    with pytest.raises(UnknownNameError, match="resnet51"):
        convert(state, "resnet51")
    with pytest.raises(ValueError, match="'varient'"):
        convert(state, "resnet18b", varient="b")


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module."])
def test_wrapped_checkpoints(prefix):
    state = from_torchvision("resnet18").state_dict()
    wrapped = {prefix + key: tensor for key, tensor in state.items()}
    check_equal(convert(wrapped, "resnet18b"), convert(state, "resnet18b"))


def test_what_old_checkpoints_and_plain_models_lack():
    """No counters in batch norm, as torchvision's first files have it; no DropBlock."""
    state = from_torchvision("resnet18").state_dict()
    old = {key: x for key, x in state.items() if not key.endswith("num_batches_tracked")}
    ours = create_model("resnet18b", num_classes=CLASSES, dropblock={})
    converted = convert(old, "resnet18b", dropblock={})
    ours.load_state_dict(converted)
    counters = [x for key, x in converted.items() if key.endswith("num_batches_tracked")]
    shares = [x for key, x in converted.items() if key.endswith("keep")]
    assert len(counters) == 20
    assert not any(counters)
    assert shares
    assert all(share == 1 for share in shares)
    assert len({x.data_ptr() for x in counters + shares}) == len(counters + shares)


def test_weights_stay_in_channels_last():
    ours = create_model("resnet18b", num_classes=CLASSES)
    ours.load_state_dict(convert(from_torchvision("resnet18").state_dict(), "resnet18b"))
    for parameter in ours.parameters():
        if parameter.ndim == 4:
            assert parameter.is_contiguous(memory_format=torch.channels_last)


def check_equal(got: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert list(got) == list(expected)
    assert all(torch.equal(got[key], expected[key]) for key in got)
