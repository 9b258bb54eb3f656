import pytest

from tests.data.seek import standin as seek


@pytest.fixture
def standin(monkeypatch):
    """Seek indices are made by kernels that need no JPEG."""
    seek.install(monkeypatch.setattr)
