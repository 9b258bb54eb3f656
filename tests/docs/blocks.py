"""The fenced blocks of a Markdown page, and what is to be done with each."""

import json
import re
import shlex
import textwrap
from dataclasses import dataclass

FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<language>[\w+-]*)[^`]*$")
MARKER = re.compile(r"<!--\s*(not run|from):\s*(\S.*?)\s*-->")
SHELL = {"", "sh", "bash", "console"}
COMMANDS = {"fasttricks", "python", "torchrun", "make", "pip"}
"""What `commands.py` can run or check; other commands need a marker."""


class NeitherError(Exception):
    """A block that is neither run nor marked."""


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: str
    line: int
    """Of its first line of text."""
    language: str
    text: str
    reason: str = ""
    """Why it is not run, from the marker `not run: REASON` before it."""
    source: str = ""
    """The file that it is an excerpt of, and that other tests run: from the marker `from: FILE`."""

    @property
    def kind(self):
        """ "marked", "excerpt", "python", "json" or "shell".

        Raises:
            NeitherError: none of these.
        """
        if self.reason:
            return "marked"
        if self.source:
            return "excerpt"
        if self.language in ("python", "json"):
            return self.language
        if self.language in SHELL and self.commands:
            unknown = [line[0] for line in self.commands if line[0] not in COMMANDS]
            if not unknown:
                return "shell"
        raise NeitherError(
            f"{self.page}:{self.line}: this block is not run by a test; make it one that is, or "
            "say why before it: <!-- not run: REASON -->, or of what it is: <!-- from: FILE -->"
        )

    @property
    def commands(self):
        """The commands of a shell block as lists of words, without environment and comments."""
        try:
            joined = re.sub(r"\\\n", " ", self.text)
            lines = [shlex.split(line, comments=True) for line in joined.splitlines()]
        except ValueError:  # no closing quotation: this is no shell
            return []
        found = []
        for words in lines:
            while words and re.fullmatch(r"\w+=\S*", words[0]):
                words = words[1:]
            if words:
                found.append(words)
        return found

    def lacking(self, text):
        """The lines of an excerpt that are not in its file, but for indentation and comments.

        Of a diff the lines that go out are not looked for.
        """
        there = {
            part.strip() for line in text.splitlines() for part in (line, line.split("  #")[0])
        }
        lines = self.text.splitlines()
        if self.language == "diff":
            lines = [line[1:] for line in lines if not line.startswith(("-", "@@", "+++"))]
        return [line for line in lines if line.strip() and line.strip() not in there]

    def check_json(self):
        """Raises ValueError if it is no JSON."""
        json.loads(self.text)


def blocks_of(page, text):
    """All fenced blocks of a page, in order.

    Raises:
        ValueError: one has no end.
    """
    found, lines, above, number = [], text.splitlines(), "", 0
    while number < len(lines):
        opening = FENCE.match(lines[number])
        if not opening:
            above = lines[number] if lines[number].strip() else above
            number += 1
            continue
        first = number + 1
        closing = re.compile(rf" *{opening['fence'][0]}{{{len(opening['fence'])},}}\s*$")
        last = next((n for n in range(first, len(lines)) if closing.match(lines[n])), None)
        if last is None:
            raise ValueError(f"{page}:{number + 1}: a block without an end")
        marker = MARKER.fullmatch(above.strip())
        found.append(
            Block(
                page=page,
                line=first + 1,
                language=opening["language"],
                text=textwrap.dedent("\n".join(lines[first:last])) + "\n",
                reason=marker[2] if marker and marker[1] == "not run" else "",
                source=marker[2] if marker and marker[1] == "from" else "",
            )
        )
        above, number = "", last + 1
    return found
