"""The names, and what overrides mean."""

import pytest

from fasttricks.errors import UnknownNameError
from fasttricks.models.config import (
    SE,
    SK,
    AntiAlias,
    BigLittle,
    DropBlock,
    InceptionConfig,
    MobileNetConfig,
    ResNetConfig,
)
from fasttricks.models.names import list_models, model_config


def test_all_names_are_there() -> None:
    assert set(list_models()) == {
        *(f"resnet{depth}{v}" for depth in (18, 34, 50, 101, 152) for v in ("", "b", "c", "d")),
        *("se_resnet50", "se_resnet50d", "sk_resnet50", "sk_resnet50d", "sknet50", "bl_resnet50"),
        *("assemble_resnet50", "assemble_resnet101", "assemble_resnet152"),
        *("inception_v3", "mobilenet_v1", "mobilenet_v1_075", "mobilenet_v1_050"),
        "mobilenet_v1_025",
    }


def test_names_say_what_they_are() -> None:
    assert model_config("resnet50") == ResNetConfig(depth=50, variant="original")
    assert model_config("resnet101c") == ResNetConfig(depth=101, variant="c")
    assert model_config("se_resnet50d") == ResNetConfig(variant="d", attention=SE(ratio=16))
    assert model_config("inception_v3") == InceptionConfig()
    assert model_config("mobilenet_v1_025") == MobileNetConfig(width=0.25)


def test_the_assembled_net_is_the_papers() -> None:
    assert model_config("assemble_resnet152") == ResNetConfig(
        depth=152,
        attention=SK(kind="dagger", ratio=2, least=32),
        antialias=AntiAlias(filter_size=3, positions=("sconv",)),
        dropblock=DropBlock(block_size=7, scales=(0, 0, 0.25, 1), keep=0.9),
        big_little=BigLittle(alpha=1, beta=2, projection="always"),
        zero_gamma=True,
    )


def test_overrides_change_their_fields_only() -> None:
    changed = model_config("resnet50d", num_classes=10, dropout=0.2)
    assert changed == ResNetConfig(depth=50, variant="d", num_classes=10, dropout=0.2)


def test_nested_fields_take_dataclasses_mappings_and_none() -> None:
    as_mapping = model_config("resnet50d", dropblock={"keep": 0.8}, big_little={})
    assert as_mapping == ResNetConfig(dropblock=DropBlock(keep=0.8), big_little=BigLittle())
    as_dataclass = model_config("resnet50d", dropblock=DropBlock(keep=0.8), big_little=BigLittle())
    assert as_mapping == as_dataclass
    assert model_config("se_resnet50d", attention=None) == model_config("resnet50d")


def test_a_mapping_changes_what_the_model_has() -> None:
    config = model_config("assemble_resnet152", big_little={"projection": "changed"})
    assert isinstance(config, ResNetConfig)
    assert config.big_little == BigLittle(alpha=1, beta=2, projection="changed")


def test_attention_is_chosen_by_name() -> None:
    def attention(name: str, value: object) -> object:
        config = model_config(name, attention=value)
        assert isinstance(config, ResNetConfig)
        return config.attention

    assert attention("resnet50d", "se") == SE()
    assert attention("resnet50d", {"name": "sk", "ratio": 16}) == SK(ratio=16)
    assert attention("sknet50", {"least": 64}) == SK(kind="original", ratio=16, least=64)
    assert attention("sknet50", "se") == SE()
    with pytest.raises(ValueError, match="attention name=None: allowed are 'se', 'sk'"):
        attention("resnet50d", {"ratio": 2})
    with pytest.raises(ValueError, match="attention name='eca': allowed are 'se', 'sk'"):
        attention("resnet50d", "eca")


def test_an_unknown_name_is_told_the_nearest_and_what_lists_all() -> None:
    with pytest.raises(UnknownNameError, match="unknown model 'resnet51'; did you mean resnet50"):
        model_config("resnet51")


@pytest.mark.parametrize(("name", "overrides", "message"), [
    ("resnet50", {"depths": 50}, "resnet50 has no field 'depths': allowed are antialias, .*depth"),
    ("mobilenet_v1", {"dropout": 0.5}, "mobilenet_v1 has no field 'dropout': allowed are .*width"),
    ("resnet50d", {"dropblock": {"size": 7}}, "dropblock has no field 'size': .*block_size"),
    ("resnet50d", {"attention": {"name": "se", "least": 7}}, "attention has no field 'least'"),
    ("resnet50d", {"dropblock": {"keep": 2}}, r"dropblock\.keep must be .*; got 2"),
    ("assemble_resnet50", {"output_stride": 8}, "output_stride=8 .*big_little"),
])  # fmt: skip
def test_wrong_overrides_are_named(name: str, overrides: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model_config(name, **overrides)
