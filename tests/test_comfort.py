"""What every command owes its user: help with units and defaults, quiet pipes, known exit codes."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fasttricks.cli import main
from fasttricks.kernels.jit import NOTICE
from fasttricks.welcome import commands

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = [sys.executable, "-m", "fasttricks"]
COMMANDS = [[command] for command in commands() if command != "train"] + [["train", "baseline"]]
MEANS = re.compile(
    r"pixels|pictures|seconds|epochs?\b|steps|threads|megabytes|rounds|classes|checkpoints|passes"
    r"|parts|rate|share|factor|probability|deviation|parameter|decay|epsilon|ratio|crop over"
    r"|seed|index|quality",
    re.IGNORECASE,
)
"""Words that give a number its unit, or say what it is a number of."""


def flags_of(text):
    """Each flag's own words and its explanation, from help as it is without a terminal."""
    found, entry = [], None
    for row in text.splitlines():
        inside = re.fullmatch(r"  ( *)(\S.*?) *", row)
        if inside is None:
            entry = None
        elif not inside[1] and re.match(r"--?[a-z]|[{\[A-Z]\S*(  |$)", inside[2]):
            flag, _, explained = inside[2].partition("  ")
            entry = [flag, explained.strip()]
            found.append(entry)
        elif inside[1] and entry is not None:
            entry[1] = f"{entry[1]} {inside[2]}".strip()
    return [(flag, explained) for flag, explained in found if not flag.startswith("-h")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_flag_is_explained_with_unit_and_default(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "128")  # from 130 on tyro makes columns
    assert main([*command, "--help"]) == 0
    flags = flags_of(capsys.readouterr().out)
    assert flags or command == ["recipes"]
    for flag, explained in flags:
        said = re.fullmatch(r"(.*?) *\((default: .*|required)\)", explained)
        assert said, f"{flag} shows no default: {explained!r}"
        assert len(said[1].split()) >= 2, f"{flag} is not explained: {explained!r}"
        if re.search(r"\b(INT|FLOAT)\b", flag) and "STR" not in flag:
            assert MEANS.search(said[1]), f"{flag} has no unit: {explained!r}"


def test_flags_are_found_in_help():
    text = """
 options
 ---------------------
  -h, --help  show help
  --size INT  Side in
              pixels.
  --long-name {None}|INT
              (default:
              None)
  [DATA]      A folder.
"""
    assert flags_of(text) == [
        ("--size INT", "Side in pixels."),
        ("--long-name {None}|INT", "(default: None)"),
        ("[DATA]", "A folder."),
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_and_flags(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in (*commands(), "batch-size", "cpu-small"):
        assert word in script


def test_completion_for_tcsh_says_what_it_needs(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "tcsh"]) == 2
    assert "pip install shtab" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "word"),
    [("fasttricks be", "bench"), ("fasttricks bench --ba", "--batch-size"), ("fasttricks x", None)],
)
def test_bash_completes(typed, word, tmp_path):
    script = tmp_path / "fasttricks"
    script.write_bytes(subprocess.run([*PROGRAM, "completion", "bash"], stdout=-1).stdout)
    words = typed.split()
    asked = f"""
        source {script}
        COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}
        COMP_LINE={typed!r}; COMP_POINT={len(typed)}
        function=$(complete -p fasttricks | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $function fasttricks {words[-1]} {words[-2]}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, timeout=60)
    found = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    assert (word in found) if word else not found


@pytest.mark.parametrize("colour", [{}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}])
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--version"],
        ["bench", "--help"],
        ["bench", "--nonsense"],
        ["models", "--name", "resnet50d", "--size", "64"],
        ["recipes"],
        ["tricks", "mixup"],
    ],
    ids=lambda arguments: arguments[0] if arguments else "nothing",
)
def test_no_colours_in_pipes(arguments, colour):
    done = run(arguments, colour)
    assert (done.returncode == 2) == ("--nonsense" in arguments)
    assert done.stdout or done.stderr
    assert not re.search(r"\x1b\[[\d;]*3[0-7]", done.stdout + done.stderr)
    if "FORCE_COLOR" not in colour:  # which may still ask for bold and dim
        assert "\x1b" not in done.stdout + done.stderr


def test_bench_writes_plain_text_into_pipes(picture_folder, tmp_path):
    flags = "--pipeline torchvision --seconds 0.05 --rounds 1 --warmup 0 --size 32 --batch-size 8"
    done = run(["bench", *flags.split(), "--threads", "1", "--data", str(picture_folder)], {})
    assert done.returncode == 0, done.stderr
    assert "torchvision" in done.stdout
    assert not set(done.stdout + done.stderr) & set("\x1b\r━╸")


def test_no_bar_in_pipes_even_with_forced_colours(picture_folder, tmp_path):
    settings = {"FORCE_COLOR": "1", "FASTTRICKS_CACHE": str(tmp_path)}
    done = run(["index", str(picture_folder)], settings)
    assert done.returncode == 0, done.stderr
    assert set(done.stderr.splitlines()) <= {NOTICE}  # in a new cache folder


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_help_on_a_terminal(environment, coloured):
    """tyro itself does not ask NO_COLOR."""
    program = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    command = [sys.executable, "-c", program, *PROGRAM, "bench", "--help"]
    done = subprocess.run(
        command, env=surroundings(environment), stdin=subprocess.DEVNULL, capture_output=True
    )
    assert done.returncode == 0
    assert b"--batch-size" in done.stdout
    assert (b"\x1b[" in done.stdout) == coloured


def test_exit_codes_are_those_of_the_documentation():
    page = (ROOT / "docs" / "cli.md").read_text()
    assert re.findall(r"^\| (\d+) \|", page, re.MULTILINE) == ["0", "1", "2", "130", "141"]
    for command in commands():
        assert f"| `{command}` |" in page


def test_0_when_done_and_2_for_a_mistake(tmp_path):
    assert run(["tricks"], {}).returncode == 0
    assert run([], {}).returncode == 0
    for arguments in (["nonsense"], ["index", str(tmp_path / "nothing")]):
        done = run(arguments, {})
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1


def test_1_when_the_doctor_finds_something_broken(tmp_path):
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "tom.jpg").write_bytes(b"no picture")
    assert run(["doctor", str(tmp_path), "--scan"], {}).returncode == 1


def test_130_when_interrupted(monkeypatch, capsys):
    def interrupted(self):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("fasttricks.commands.tricks.Tricks.run", interrupted)
    assert main(["tricks"]) == 130
    assert capsys.readouterr().err == "fasttricks: interrupted\n"


def test_141_when_the_reader_has_gone():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*PROGRAM, "tricks"], stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("module", "stops"), [("fasttricks.pipelines.roi.loader", True), ("torch.nn.modules", False)]
)
def test_warnings_of_our_modules_stop_a_test(module, stops):
    """pyproject.toml asks for it, by the name of the module that warns or is warned of."""
    names = {"__name__": module}
    exec("import warnings\ndef warn(): warnings.warn('of something', stacklevel=1)", names)
    what = pytest.raises if stops else pytest.warns
    with what(UserWarning, match="of something"):
        names["warn"]()


def run(arguments, environment):
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=surroundings(environment),
        capture_output=True,
        text=True,
        timeout=120,
    )


def surroundings(changed):
    """The environment without what the tests' own surroundings say of colours."""
    kept = {n: v for n, v in os.environ.items() if n not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    return {**kept, "TERM": "xterm-256color", **changed}
