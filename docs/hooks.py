"""What mkdocs does beside building pages; it calls these functions by their names."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

LINK = re.compile(r"\[([^\]]*)\]\(((?:\.\./)+[^)#\s]+)(?:#[^)\s]*)?\)")
log = logging.getLogger("mkdocs.hooks")


def on_config(config: Any) -> Any:
    """Put the pages of a folder where the menu names it: `Title: folder/`; `index.md` is first."""
    docs = Path(config["docs_dir"])
    nav = []
    for entry in config["nav"] or []:
        ((title, value),) = entry.items()
        if isinstance(value, str) and value.endswith("/"):
            pages = sorted((docs / value).glob("*.md"), key=lambda p: (p.stem != "index", p.stem))
            value = [page.relative_to(docs).as_posix() for page in pages]
        if value:
            nav.append({title: value})
    config["nav"] = nav
    return config


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Make text of links to files of the repository, which the site does not have.

    On a page of a forge such a link opens the file. Here its words stay and the link goes; one to a
    file that does not exist is a warning, which `strict` makes an error.
    """
    docs = Path(config["docs_dir"]).resolve()
    here = docs / Path(page.file.src_path).parent

    def without_link(found: re.Match[str]) -> str:
        target = (here / found[2]).resolve()
        if target.is_relative_to(docs):
            return found[0]  # mkdocs checks it
        if not target.exists():
            log.warning("%s links to %s, which does not exist", page.file.src_path, found[2])
        return found[1]

    return LINK.sub(without_link, markdown)
