"""The average of weights."""

import pytest
import torch
from torch import nn

from fasttricks.tricks.ema import EMA


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))


def train_a_little(model):
    """Other weights and other statistics, in place."""
    model.train()(torch.randn(5, 3, 4, 4))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))


def values(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def hand_average(history, decays):
    """Weight by weight, in float64."""
    average = history[0].double()
    for weights, decay in zip(history[1:], decays, strict=True):
        average = decay * average + (1 - decay) * weights.double()
    return average


def test_equals_the_recursion():
    model, history = net(), []
    ema = EMA(model, 0.9)
    history.append(values(model))
    for _ in range(120):
        train_a_little(model)
        ema.update()
        history.append(values(model))
    decays = [min(0.9, (1 + t) / (10 + t)) for t in range(1, 121)]
    assert decays[0] < decays[-1] == 0.9
    got = ema.state_dict()["model"]
    for name, _ in model.named_parameters():
        expected = hand_average([weights[name] for weights in history], decays)
        torch.testing.assert_close(got[name].double(), expected, rtol=1e-5, atol=1e-5)
        wrong = hand_average([weights[name] for weights in history[:-1]], decays[:-1])
        assert not torch.allclose(got[name].double(), wrong, atol=1e-3)


def test_forgets_its_start_at_the_rate_of_the_decay():
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    ema = EMA(model, 0.99)
    ema.updates = 10_000  # long after it began
    nn.init.zeros_(model.weight)
    for _ in range(100):
        ema.update()
    assert ema.state_dict()["model"]["weight"].item() == pytest.approx(0.99**100, rel=1e-5)


def test_buffers_are_the_models_own():
    model = net()
    ema = EMA(model, 0.9)
    train_a_little(model)
    ema.update()
    state = ema.state_dict()["model"]
    assert state.keys() == model.state_dict().keys()
    for name, buffer in model.named_buffers():
        assert torch.equal(state[name], buffer)
    assert int(state["1.num_batches_tracked"]) == 1


def test_swaps_in_place_and_back_even_after_an_error():
    model = net()
    ema = EMA(model, 0.5)
    train_a_little(model)
    ema.update()
    own, places = values(model), [p.data_ptr() for p in model.parameters()]
    averages = {name: tensor.clone() for name, tensor in ema.state_dict()["model"].items()}

    def evaluate():
        with ema.swapped():
            assert [p.data_ptr() for p in model.parameters()] == places
            for name, tensor in model.state_dict().items():
                assert torch.equal(tensor, averages[name])
            assert not torch.equal(model[0].weight, own["0.weight"])
            raise KeyError

    with pytest.raises(KeyError):
        evaluate()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, own[name])
    for name, tensor in ema.state_dict()["model"].items():
        assert torch.equal(tensor, averages[name])


def test_goes_on_from_a_saved_state_bit_for_bit(tmp_path):
    model = net()
    ema = EMA(model, 0.99)
    for _ in range(3):
        train_a_little(model)
        ema.update()
    torch.save({"model": model.state_dict(), "ema": ema.state_dict()}, tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)

    other = net(seed=9)
    resumed = EMA(other, 0.99)
    other.load_state_dict(state["model"])
    resumed.load_state_dict(state["ema"])
    assert resumed.updates == 3
    for both in (model, other):
        torch.manual_seed(5)
        train_a_little(both)
    ema.update()
    resumed.update()
    for name, tensor in ema.state_dict()["model"].items():
        assert torch.equal(resumed.state_dict()["model"][name], tensor)


def test_its_state_loads_into_a_model_and_gives_the_same_output():
    model, other = net(), net(seed=9)
    ema = EMA(model, 0.9)
    train_a_little(model)
    ema.update()
    other.load_state_dict(ema.state_dict()["model"])
    x = torch.randn(2, 3, 4, 4)
    with ema.swapped():
        expected = model.eval()(x)
    torch.testing.assert_close(other.eval()(x), expected, rtol=0, atol=0)


def test_shared_weights_are_averaged_under_both_names():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    ema = EMA(model, 0.5)
    with torch.no_grad():
        model[0].weight.mul_(3)
    ema.update()
    state = ema.state_dict()["model"]
    torch.testing.assert_close(state["0.weight"], model[0].weight * (1 - 2 / 11 * 2 / 3))
    assert torch.equal(state["0.weight"], state["1.weight"])


def test_other_networks_and_decays_are_refused():
    with pytest.raises(ValueError, match="decay=1"):
        EMA(net(), 1.0)
    other = EMA(nn.Linear(2, 2), 0.9)
    with pytest.raises(ValueError, match=r"another network: see 0\.weight"):
        EMA(net(), 0.9).load_state_dict(other.state_dict())
