"""Pages: no sample crosses one, whatever comes in which order."""

import io

import numpy as np
import pytest

from fasttricks.data import Samples
from fasttricks.errors import DataError
from fasttricks.pipelines.beton import file as beton_file
from fasttricks.pipelines.beton import writer as beton_writer
from fasttricks.pipelines.beton.writer import Piece, Writer


def written(sizes, monkeypatch, page=64):
    """Lay out pieces of these sizes; the file, its header and its table."""
    monkeypatch.setattr(beton_writer, "SMALLEST_PAGE", page)
    file, rng = io.BytesIO(), np.random.default_rng(0)
    writer = Writer(file, Samples([b"x"] * len(sizes)), "source")
    contents = [rng.bytes(size) for size in sizes]
    for index, data in enumerate(contents):
        writer.add(index, Piece(data, beton_file.JPG, 1, 1))
    assert writer.finish({}) == len(file.getvalue())
    data = file.getvalue()
    header = np.frombuffer(data, beton_file.HEADER, 1)[0]
    table = np.frombuffer(data[int(header["alloc_table_ptr"]) :], beton_file.PLACE)
    for row in table:
        begin, size = int(row["ptr"]), int(row["size"])
        assert data[begin : begin + size] == contents[row["sample_id"]]
    return header, table


@pytest.mark.parametrize("seed", range(5))
def test_no_sample_crosses_a_page(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    sizes = [int(size) for size in rng.integers(1, 300, 50)]
    header, table = written(sizes, monkeypatch)
    page = int(header["page_size"])
    assert page == 512
    assert len(table) == 50
    first, last = table["ptr"] // page, (table["ptr"] + table["size"] - 1) // page
    assert (first == last).all()
    ends = table["ptr"] + table["size"]
    assert (table["ptr"][1:] >= ends[:-1]).all()


def test_a_page_grows_no_more_than_it_must(monkeypatch):
    assert written([1, 64], monkeypatch)[0]["page_size"] == 64
    assert written([1, 65, 1], monkeypatch)[0]["page_size"] == 128


def test_samples_without_bytes_have_no_place(monkeypatch):
    _, table = written([0, 5, 0, 7], monkeypatch)
    assert table["sample_id"].tolist() == [1, 3]


def test_a_sample_too_large_for_ffcv(monkeypatch):
    monkeypatch.setattr(beton_writer, "LARGEST_PAGE", 128)
    with pytest.raises(DataError, match="sample 1 has 129 bytes: too many"):
        written([5, 129], monkeypatch)
