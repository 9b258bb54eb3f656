"""Evaluated networks leave Python: torch.export and ONNX give eager's logits at any batch size."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fasttricks.models.builders import build_model
from fasttricks.models.config import InceptionConfig, ResNetConfig
from tests.models.network_checks import ARCHITECTURES, pictures, small_network

# Between them: every kind of stem, block, shortcut, attention, blur and join.
THROUGH_ONNX = [
    "resnet18d+resnet34d",
    "se_resnet50",
    "sknet50",
    "assemble_resnet50+assemble_resnet101",
    "inception_v3",
    "mobilenet_v1+mobilenet_v1_075+mobilenet_v1_050+mobilenet_v1_025",
]


def exported(model: nn.Module, x: Tensor) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=1, max=1024)
    return torch.export.export(model, (x,), dynamic_shapes=({0: batch},), strict=False)


def logits(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return model(x)


@pytest.mark.parametrize("config", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_torch_export(config):
    model = small_network(config)
    program = exported(model, pictures(config)).module()
    for batch in (1, 5):
        x = pictures(config, batch)
        torch.testing.assert_close(logits(program, x), logits(model, x))


@pytest.mark.parametrize("name", THROUGH_ONNX)
def test_onnx(name):
    """Against onnxruntime, which fuses and reorders sums, but in float32 as well."""
    session = onnx_session(small_network(ARCHITECTURES[name]), pictures(ARCHITECTURES[name]))
    model = small_network(ARCHITECTURES[name])
    for batch in (1, 5):
        x = pictures(ARCHITECTURES[name], batch)
        (got,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        expected = logits(model, x)
        # Norms amplify rounding on its way through the layers: 1e-5 to 1e-4 of the logits' spread.
        tolerance = 1e-3 * float(expected.std())
        torch.testing.assert_close(torch.from_numpy(got), expected, rtol=0, atol=tolerance)


def test_onnx_of_a_network_in_training_mode_would_differ():
    """What the tolerance above tells apart."""
    config = ResNetConfig(depth=18, num_classes=10)
    model = small_network(config)
    x = pictures(config, 5)
    difference = logits(model.train(), x) - logits(model.eval(), x)
    assert difference.abs().max() > 1e-2 * logits(model, x).std()


def test_an_exported_inception_has_one_output():
    """Without the auxiliary head's logits, and for the sizes it takes in evaluation."""
    with torch.device("meta"):
        model = build_model(InceptionConfig(num_classes=4, aux=True)).eval()
        program = exported(model, torch.empty(2, 3, 75, 75))
    assert len(program.graph_signature.user_outputs) == 1


def test_an_exported_dilated_network():
    config = ResNetConfig(depth=18, num_classes=10, output_stride=8)
    model = small_network(config)
    x = pictures(config, 2)
    torch.testing.assert_close(
        logits(exported(model, pictures(config)).module(), x), logits(model, x)
    )


def onnx_session(model: nn.Module, x: Tensor):
    pytest.importorskip("onnxscript", reason="torch.onnx needs onnxscript: the dev extra")
    onnxruntime = pytest.importorskip("onnxruntime", reason="not installed: the dev extra")
    program = torch.onnx.export(exported(model, x), (x,), dynamo=True, verbose=False)
    assert program is not None
    return onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
