import sys

from fasttricks.data.progress import progress_bar


def test_shown_on_stderr_only_where_asked_for(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for visible in (True, False):
        with progress_bar("doing things", 3, visible) as advance:
            advance(1)
            advance(2)
        told = capsys.readouterr()
        assert ("doing things" in told.err) == visible
        assert ("100%" in told.err) == visible
        assert told.out == ""


def test_a_file_gets_no_bar(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar("doing things", 3, visible=True) as advance:
        advance(3)
    assert capsys.readouterr().err == ""
