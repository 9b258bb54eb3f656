"""What `fasttricks eval` and `fasttricks teacher` both ask."""

import pytest

from fasttricks.cli import main


@pytest.mark.parametrize("command", ["eval", "teacher"])
def test_an_empty_batch_is_refused(command, picture_folder, tmp_path, capsys):
    more = ["--out", "x.npy"] if command == "teacher" else []
    given = [command, str(tmp_path), "--data", str(picture_folder), "--batch-size", "-5", *more]
    assert main(given) == 2
    assert "batch-size must be at least 1; got -5" in capsys.readouterr().err
