"""Loaders of every pipeline over the same samples."""

import pytest

from fasttricks import make_loader, pipelines
from fasttricks.data import scan_folder
from tests.pipelines.agreement import SIZE


def require(name):
    state = pipelines()[name]
    if not state.available:
        pytest.skip(state.reason)


@pytest.fixture(scope="session")
def open_loader(tmp_path_factory):
    """make_loader over Samples, packing them first for the pipeline that needs it."""
    packed = {}
    folder = tmp_path_factory.mktemp("betons")

    def open_(name, samples, **options):
        require(name)
        data = samples
        if name == "ffcv":
            from fasttricks.pipelines.beton.pack import pack

            if id(samples) not in packed:
                data = folder / f"{len(packed)}.beton"
                pack(samples, data, workers=1, progress=False)
                packed[id(samples)] = data, samples  # keeping the samples keeps their id
            data = packed[id(samples)][0]
        options = {"batch_size": 8, "size": SIZE, "num_threads": 1, "seed": 11, **options}
        return make_loader(name, data, **options)

    return open_


@pytest.fixture(scope="session")
def pictures(picture_folder):
    return scan_folder(picture_folder)
