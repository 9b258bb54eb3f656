"""The loop in the style of torchvision's reference."""

from tests.integrations.conftest import SIZE, VAL


def test_the_example(example, data, pipeline):
    reference = example("torchvision_reference", "torchvision")
    history = reference.main(data, pipeline, model="resnet18", epochs=2, batch_size=8, size=SIZE)
    assert [seen for _, seen in history] == [VAL, VAL]
