"""The scripts of examples/, and pictures small enough to train on them in a second."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fasttricks import pipelines
from tests.pictures import jpeg

ROOT = Path(__file__).resolve().parents[2]
CLASSES, TRAIN, VAL = 3, 24, 13
SIZE = 32


@pytest.fixture(autouse=True)
def one_thread():
    """Nets this small are slower on more."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def pipeline():
    """One that decodes in this process, where it can be used."""
    return "roi" if pipelines()["roi"].available else "torchvision"


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """A folder with train/ and val/ of 3 classes."""
    root = tmp_path_factory.mktemp("integrations")
    for split, count in ("train", TRAIN), ("val", VAL):
        for i in range(count):
            folder = root / split / f"class_{i % CLASSES}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{i:02d}.jpg").write_bytes(jpeg(48, 56, seed=i))
    return str(root)


@pytest.fixture
def example():
    """Import a script of examples/ by name; skip where a library that it needs is missing."""

    def load(name, *libraries):
        for library in libraries:
            if importlib.util.find_spec(library) is None:
                pytest.skip(f"{library} is not installed: pip install 'fasttricks[integrations]'")
        spec = importlib.util.spec_from_file_location(f"examples_{name}", path(name))
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # workers that are started find it by name
        spec.loader.exec_module(module)
        return module

    return load


def path(name):
    return ROOT / "examples" / f"{name}.py"


def launch(*command, **environment):
    """Run a module in a Python of its own; its output, once it has ended well."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
