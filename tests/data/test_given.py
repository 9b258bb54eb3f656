"""What data sets are given: targets and lists of samples."""

import numpy as np
import pytest
import torch

from fasttricks.data.given import as_class_names, as_indices, as_numbers, current_folder
from fasttricks.errors import DataError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([2, 0, 2], [2, 0, 2]),
        (range(3, 1, -1), [3, 2]),
        (np.array([1, 4], np.uint64), [1, 4]),
        (torch.tensor([4, 0]), [4, 0]),
        ([True, False, False, True, False], [0, 3]),
        (torch.tensor([False, True, False, False, False]), [1]),
    ],
)
def test_samples_by_number_or_as_a_mask(given, expected):
    indices = as_indices(given, 5)
    assert indices.dtype == np.int64
    assert indices.tolist() == expected


def test_what_was_given_may_change_afterwards():
    given = np.array([1, 2])
    indices = as_indices(given, 5)
    given[:] = 0
    assert indices.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([1, 5], IndexError, r"take: sample numbers must lie in \[0, 5\); got 5"),
        ([-1], IndexError, "got -1"),
        (np.array([2**63], np.uint64), IndexError, "got 9223372036854775808"),
        ([], DataError, "no sample is chosen"),
        ([False] * 5, DataError, "no sample is chosen"),
        ([True] * 4, DataError, r"bools \[N\] with N = 5; got bool \[4\]"),
        ([0.0, 1.0], DataError, r"integers \[M\].*; got float64 \[2\]"),
        ([[0], [1]], DataError, r"got int64 \[2, 1\]"),
        ([[0], [1, 2]], DataError, "got list"),
        (3, DataError, "got int"),
        (slice(3), DataError, "got slice"),
        (["a"], DataError, r"got <U1 \[1\]"),
        (None, DataError, "got NoneType"),
    ],
    ids=repr,
)
def test_lists_of_samples_that_are_none(given, error, message):
    with pytest.raises(error, match=message) as told:
        as_indices(given, 5)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("grad", [True, False])
def test_tensors_are_taken_as_they_come(dtype, grad):
    given = torch.tensor([0.5, -3.0, 1024.0], dtype=dtype, requires_grad=grad)
    numbers = torch.from_numpy(as_numbers(given))
    assert numbers.dtype == (torch.float32 if dtype == torch.bfloat16 else dtype)
    assert torch.equal(numbers, given.detach().to(numbers.dtype))


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        ([[1], [1, 2]], "rows of different lengths in a list"),
        ({"boxes": 1}, "got a dict"),
        ([{"boxes": 1}, {"boxes": 2}], r"got object \[2\]"),
        (torch.zeros(3, device="meta"), "got a Tensor"),
    ],
    ids=repr,
)
def test_what_fits_into_no_array_has_a_way_out(targets, told):
    with pytest.raises(DataError, match=rf"array \[N\].*{told}.*targets=range\(N\)") as error:
        as_numbers(targets)
    assert "\n" not in str(error.value)
    assert as_numbers(range(3)).tolist() == [0, 1, 2]  # as it advises


def test_rows_without_numbers_are_no_targets():
    with pytest.raises(DataError, match=r"got \[3, 0\], not one for a picture"):
        as_numbers(np.zeros((3, 0)))
    assert as_numbers(np.zeros((3, 2, 2))).shape == (3, 2, 2)
    assert as_numbers([]).shape == (0,)


@pytest.mark.parametrize("classes", ["cat", b"cat", ""])
def test_one_name_is_no_list_of_names(classes):
    with pytest.raises(DataError, match="classes must be a list of names; got one name"):
        as_class_names(classes)
    assert as_class_names(("crane", "crane")) == ["crane", "crane"]  # as two of ImageNet's are


def test_a_current_folder_that_is_gone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert current_folder() == str(tmp_path)
    tmp_path.rmdir()
    assert current_folder() == ""
