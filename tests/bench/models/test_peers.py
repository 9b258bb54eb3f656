from __future__ import annotations

import pytest
import torch

from fasttricks.bench.models import peers
from fasttricks.bench.models.peers import Library, libraries, others
from fasttricks.errors import UnknownNameError
from fasttricks.models import list_models
from fasttricks.models.count import Counts, count


def counts(library: Library) -> Counts:
    with torch.device("meta"):
        return count(library.build(), 299 if "inception" in library.model else 64)


def names(name: str) -> list[tuple[str, str]]:
    return [(library.name, library.model) for library in others(name)]


def test_what_others_call_it() -> None:
    assert names("resnet50b") == [("torchvision", "resnet50"), ("timm", "resnet50")]
    assert names("resnet50") == names("resnet50b")
    assert names("resnet101d") == [("timm", "resnet101d")]
    assert names("inception_v3") == [("torchvision", "inception_v3"), ("timm", "inception_v3")]
    assert names("mobilenet_v1") == [("timm", "mobilenetv1_100")]
    assert names("assemble_resnet50") == names("mobilenet_v1_075") == []


@pytest.mark.parametrize(
    "name",
    ["resnet18", "resnet18d", "resnet34b", "resnet50b", "resnet50c", "resnet50d", "inception_v3"],
)
def test_what_is_said_to_be_the_same_network_costs_the_same(name: str) -> None:
    pytest.importorskip("timm")
    ours, *theirs = libraries(name)
    for library in theirs:
        assert library.differs == ""
        assert counts(library) == counts(ours), library.name


@pytest.mark.parametrize(
    "name",
    ["resnet50", "resnet101", "se_resnet50", "sk_resnet50", "sk_resnet50d", "sknet50"],
)
def test_what_is_another_network_says_so(name: str) -> None:
    pytest.importorskip("timm")
    ours, *theirs = libraries(name)
    for library in theirs:
        assert library.differs
        assert counts(library) != counts(ours), library.name


def test_the_originals_stride_is_named() -> None:
    assert "resnet101b" in others("resnet101")[0].differs


def test_every_model_has_ours_first_and_all_that_are_told_of_exist() -> None:
    timm = pytest.importorskip("timm")
    from torchvision.models import list_models as theirs

    known = {"timm": set(timm.list_models()), "torchvision": set(theirs())}
    for name in list_models():
        ours, *rest = libraries(name)
        assert (ours.name, ours.model, ours.differs) == ("fasttricks", name, "")
        assert all(library.model in known[library.name] for library in rest), name


def test_what_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "is_installed", lambda package: package != "timm")
    assert [library.name for library in libraries("resnet50b")] == ["fasttricks", "torchvision"]


def test_other_networks_of_ours_stand_before_those_of_others() -> None:
    found = libraries("resnet50d", ["resnet50", "mobilenet_v1"])
    assert [library.key for library in found[:3]] == [
        ("fasttricks", "resnet50d"),
        ("fasttricks", "resnet50"),
        ("fasttricks", "mobilenet_v1"),
    ]
    assert not any(library.differs for library in found)
    with torch.device("meta"):
        assert count(found[1].build(), 64).macs < count(found[0].build(), 64).macs


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match="unknown model 'resnet51'"):
        libraries("resnet50", ["resnet51"])
    with pytest.raises(UnknownNameError, match=r"unknown model 'resnet51'; did you mean resnet50"):
        libraries("resnet51")
