import pytest

from tests.data import seek_standin


@pytest.fixture
def standin(monkeypatch):
    """Seek indices are made by kernels that need no JPEG."""
    seek_standin.install(monkeypatch.setattr)
