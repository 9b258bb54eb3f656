"""An index that is there, but cannot be opened: no reason to spend hours on making it again."""

import errno
import os
from functools import partial

import pytest

from fasttricks.data.samples import Samples
from fasttricks.data.seek.build import build_index, ensure_index, index_path
from fasttricks.errors import DataError
from tests.data.seek.standin import make_pictures

pytestmark = pytest.mark.usefixtures("standin")


@pytest.fixture
def samples(tmp_path):
    return Samples(make_pictures(tmp_path / "pictures", 12))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "index" / "x.seek"


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOMEM, "Cannot allocate memory"), (errno.EACCES, "Perm.* denied")]
)
def test_an_index_that_the_system_does_not_open_is_not_made_again(
    samples, out, monkeypatch, capsys, number, words
):
    build_index(samples, out)
    before = out.stat()

    def refused(file):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fasttricks.data.seek.format.map_file", refused)
    for ask in (ensure_index, partial(build_index, refresh=True)):
        with pytest.raises(DataError, match=f"cannot open the seek index .*: {words}; choose .*"):
            ask(samples, out)
    assert os.path.samestat(before, out.stat())
    assert capsys.readouterr().err == ""
    build_index(samples, out)  # as one that was asked for
    assert not os.path.samestat(before, out.stat())


@pytest.mark.parametrize("link", [True, False])
def test_one_that_is_not_there_is_made(samples, out, link):
    if link:
        out.parent.mkdir()
        out.symlink_to("nowhere")
    assert len(ensure_index(samples, out)) == 12


@pytest.mark.parametrize("readable", [True, False])
def test_one_in_a_pack_that_may_not_be_read_leaves_the_users_own(
    samples, out, tmp_path, monkeypatch, readable
):
    """As in a pack of somebody else, which may not be written to either."""
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(Samples, "seek_index", out)
    build_index(samples, out)
    monkeypatch.setattr(os, "access", lambda path, mode: readable and mode == os.R_OK)
    assert (index_path(samples) == out) is readable
