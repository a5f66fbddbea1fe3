"""Writes docs/configuration.md from conf/gateway.toml: ``python -m docs.configuration``."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tornado_app.settings.environment import variable
from tornado_app.settings.reading import Source
from tornado_app.settings.schema import SECTIONS
from tornado_app.settings.words import allowed

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "conf" / "gateway.toml"
TARGET = ROOT / "docs" / "configuration.md"

HEAD = """# Configuration

Made from [conf/gateway.toml](../conf/gateway.toml) by `make docs`; write there, not here.

Three sources, the later ones winning: that file, the file of `--config`, and the environment.
Over all of them stand the options `--host` and `--port`.
In the environment a setting is `PARLEY_<SECTION>_<KEY>`; texts as they are, everything else JSON: `PARLEY_SERVER_ALLOWED_ORIGINS='["https://example.com"]'`.
Names end in their unit: `_s` seconds, `_ms` milliseconds, `_bytes` bytes.
Settings are read at the start; to change one, restart.
`run.py check-config` names everything that is wrong, at once.
"""


class Setting(NamedTuple):
    name: str
    default: str
    """As it stands in the file."""
    reason: str
    """The comment above it, or above the group that it is in."""


def settings(text: str) -> Iterator[Setting]:
    """Those of a file in the form of conf/gateway.toml: each group under its comment."""
    section, comment, is_comment_open = "", "", False
    for line in text.splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            section, comment, is_comment_open = match[1], "", False
        elif line.startswith("#"):
            words = line.removeprefix("#").strip()
            comment = f"{comment} {words}" if is_comment_open else words
            is_comment_open = True
        elif match := re.fullmatch(r"(\w+) = (.*)", line):
            is_comment_open = False
            yield Setting(f"{section}.{match[1]}", match[2], comment)


def page(text: str) -> str:
    """The whole of docs/configuration.md."""
    types = Source(SECTIONS).types
    parts = [HEAD.rstrip()]
    section = reason = ""
    for setting in settings(text):
        if (part := setting.name.partition(".")[0]) != section:
            section, reason = part, ""
            parts.append(f"## {section}\n")
            parts.append("| setting, and in the environment | default | may be | what it is |")
            parts.append("|---|---|---|---|")
        shown = "as above" if setting.reason == reason else setting.reason
        reason = setting.reason
        cells = (
            f"`{setting.name}` `{variable(setting.name)}`",
            f"`{setting.default}`",
            allowed(types[setting.name]),
            " ".join(shown.split()),
        )
        parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return re.sub(r"\n(## )", r"\n\n\1", "\n".join(parts)) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page(SOURCE.read_text("utf-8")), "utf-8")
