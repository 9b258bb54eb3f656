"""`fasttricks train` and `fasttricks recipes` as a user meets them."""

import subprocess
import sys

import pytest
import tyro

from fasttricks.cli import main
from fasttricks.commands.train import Train
from fasttricks.models.names import model_config
from fasttricks.train.outcome import Outcome
from fasttricks.train.recipes import RECIPES


def parsed(*arguments):
    return tyro.cli(Train, args=list(arguments), config=(tyro.conf.OmitSubcommandPrefixes,)).recipe


def test_a_recipe_and_what_is_changed_of_it():
    recipe = parsed(
        "tricks", "--data", "/x", "--pipeline", "dali", "--optim.lr", "0.4", "--no-compile",
        "--precision", "bfloat16", "--data.progressive", "160", "192", "--model.options", "init",
        "he", "--schedule.warmup", "from-base",
    )  # fmt: skip
    assert recipe.name == "tricks"
    assert (recipe.data.path, recipe.data.pipeline) == ("/x", "dali")
    assert (recipe.optim.lr, recipe.precision) == (0.4, "bfloat16")
    assert recipe.data.progressive == (160, 192)
    assert recipe.model.overrides() == {"init": "he", "zero_gamma": True}
    assert recipe.mix.kind == "mixup"  # what is not changed stays


def test_options_of_the_network_merge_with_those_of_the_recipe():
    """`cpu-small` has a width of its own."""
    options = ["attention", "se", "attention.bias", "True", "antialias.positions", "sconv,proj"]
    recipe = parsed("cpu-small", "--model.options", *options)
    assert recipe.model.overrides() == {
        "width": 0.25,
        "attention": {"name": "se", "bias": True},
        "antialias": {"positions": ("sconv", "proj")},
    }
    recipe = parsed(
        "assemble", "--model.options", "dropblock.mask", "channel", "big_little.alpha", "4"
    )
    config = model_config(recipe.model.name, **recipe.model.overrides())
    assert (config.dropblock.mask, config.dropblock.keep) == ("channel", 0.9)
    assert (config.big_little.alpha, config.bn_momentum) == (4, 0.003)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_a_subcommand_with_its_own_values(name):
    assert parsed(name) == RECIPES[name].make()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "tricks"], "--data"),
        (["train", "nonsense"], "nonsense"),
        (["train", "tricks", "--data", "x", "--data.batch-size", "0"], "at least 1; got 0"),
        (["train", "tricks", "--data", "x", "--model.name", "resnet51"], "resnet51"),
        (["train", "cpu-small", "--data", "/no/such/place"], "/no/such/place does not exist"),
    ],
)
def test_mistakes_are_told_and_exit_2(arguments, words, capsys):
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


@pytest.mark.parametrize("arguments", [["train", "--help"], ["train", "tricks", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys\nfrom fasttricks.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'numba', 'PIL', 'ffcv', 'nvidia.dali') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_recipes_are_listed_with_cost_and_accuracy(capsys):
    assert main(["recipes"]) == 0
    said = capsys.readouterr().out
    for name, entry in RECIPES.items():
        (line,) = [line for line in said.splitlines() if f" {name} " in line]
        assert entry.cost in line
        assert entry.accuracy in line
    assert 'P1 is "Bag of Tricks" (arXiv 1812.01187)' in said


@pytest.mark.parametrize(("ended", "code"), [("complete", 0), ("max-steps", 0), ("signal", 130)])
def test_the_exit_code_is_0_unless_a_signal_ended_it(ended, code, monkeypatch):
    outcome = Outcome(steps=1, metrics=None, ended=ended, stopped="words", summary=[])
    monkeypatch.setattr("fasttricks.train.trainer.train", lambda recipe: outcome)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    assert main(["train", "cpu-small", "--data", "x", "--max-steps", "1"]) == code
