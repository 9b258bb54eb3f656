"""Folders of pictures: those that tests make, and real ones beside the project where they are."""

from pathlib import Path

import numpy as np
import pytest

from tests.pictures import jpeg

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items):
    """GPU tests skip, with a reason, where there is no GPU."""
    import torch

    if torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason="needs a CUDA device; torch sees none here")
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def no_shared_memory(tmp_path_factory):
    """Decoded pictures that tests keep are in a folder that goes away, however the tests end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTTRICKS_SHM", str(tmp_path_factory.mktemp("shm")))
        yield


@pytest.fixture(scope="session", autouse=True)
def no_notice_of_compiling():
    """What a test finds on stderr does not depend on whether kernels were compiled before."""
    from fasttricks.kernels.jit import NOTICES

    NOTICES.told = True


@pytest.fixture(scope="session")
def shared():
    """The folder of real pictures; tests that need it skip where it is absent."""

    def find(name):
        if not (SHARED / name).is_dir():
            pytest.skip(f"no pictures at {SHARED / name}")
        return SHARED / name

    return find


@pytest.fixture(scope="session")
def picture_folder(tmp_path_factory):
    """An ImageFolder of 3 classes, 37 JPEGs of odd sizes: colour, grey, progressive, 4:4:4."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    kinds = [
        {},
        {"channels": 1},
        {"progressive": True},
        {"subsampling": 0},
        {"subsampling": 1},
        {"optimize": True},
    ]
    for i in range(37):
        folder = root / f"class_{i % 3}"
        folder.mkdir(exist_ok=True)
        height, width = (int(x) for x in rng.integers(40, 200, 2))
        data = jpeg(height, width, seed=i, **kinds[i % len(kinds)])
        (folder / f"picture_{i:03d}.JPEG").write_bytes(data)
    return root
