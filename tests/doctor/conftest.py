import pytest

from tests.doctor.sets import make_folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """Seek indices go to a folder of the test's own."""
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    """A sound ImageFolder of 10 JPEGs in 2 classes."""
    return make_folder(tmp_path / "data")
