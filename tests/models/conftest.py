"""Weights and inputs are random but the same in every run, on one thread: the nets are tiny."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def seed_on_one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)
