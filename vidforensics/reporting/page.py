"""What every page of the toolkit has in common: one file, one style, a policy that loads nothing.

Text, styles and scripts of the package go in, one self-contained HTML file comes out. Each page tells the
browser to load nothing (Content Security Policy Level 3, hashes for its only style and script); untrusted
text is escaped by the template engine, and data for a script is JSON in which no character can end the
element.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vidforensics.errors import OutputError
from vidforensics.reporting import words

TEMPLATES = Path(__file__).parent / "templates"


def fill(template: str, context: Mapping[str, Any]) -> str:
    """A template of the package filled in; an unknown name in it is an error, and text is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = words.clock
    environment.filters["clean"] = words.clean
    return environment.get_template(template).render(context)


def write_page(text: str, path: Path, what: str) -> None:
    """Write a page in one step, so that no half page is ever seen.

    Args:
        text: the page.
        path: the file to write; replaced if it is there.
        what: what the page is called in the message of an error.

    Raises:
        OutputError: the file cannot be written.

    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".html")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as file:
                file.write(text)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise OutputError(f"{path}: {what} cannot be written ({why}); free space or name another folder."
                          ) from error  # fmt: skip


def assets(*names: str) -> str:
    """Style sheets or scripts of the package, one after the other."""
    return "".join((TEMPLATES / name).read_text("utf-8") for name in names)


def footer_style(sha256: str, version: str) -> str:
    """The page footer needs the file's hash inside the style sheet; only hex digits may enter it."""
    digest = "".join(c for c in sha256 if c in "0123456789abcdef")
    shown = "".join(c for c in version if c.isalnum() or c in ".-+")[:40]
    return (
        f'@page {{ @bottom-left {{ content: "SHA-256 {digest}"; }} '
        f'@bottom-right {{ content: counter(page) " / " counter(pages); }} '
        f'@top-right {{ content: "vidforensics {shown}"; }} }}\n'
    )


def content_policy(style: str, script: str | None) -> str:
    """A policy under which nothing is loaded from anywhere and only this style and script count."""
    scripts = "'none'" if script is None else f"'{_source_hash(script)}'"
    return (
        f"default-src 'none'; img-src data:; style-src '{_source_hash(style)}'; "
        f"script-src {scripts}; base-uri 'none'; form-action 'none'"
    )


def _source_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def json_island(data: Any) -> Markup:
    """JSON for a data element: ASCII, and without the characters that could end or open an element."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - escaped above
