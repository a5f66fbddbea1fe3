"""What of the settings may change while the gateway runs, and what needs another start."""

from dataclasses import dataclass
from typing import Any

import msgspec

from tornado_app.settings.schema import SECTIONS, Fallback, Settings

FIXED = frozenset(
    {
        "server.environment",
        "server.host",
        "server.port",
        "server.processes",
        "server.one_core",
        "server.state_dir",
        "auth.token_bytes",
        "upstream.name",
        "upstream.url",
        "upstream.fallbacks",
        "upstream.fallback_after_ms",
        "upstream.breaker_failures",
        "upstream.breaker_window_s",
        "upstream.breaker_open_s",
        "upstream.breaker_open_max_s",
        "upstream.try_at_start",
        "upstream.spare_links",
        "upstream.spare_link_s",
        "audio.threads",
        "audio.gather_ms",
        "audio.file_memory_bytes",
        "usage.database",
        "usage.postgres_url",
        "usage.lines_file",
        "usage.lines_bytes",
        "usage.keep_days",
    }
)
"""What threads, sockets and processes were made with."""
FIXED_SECTIONS = frozenset({"shared", "recordings", "metrics", "traces", "model"})


@dataclass(frozen=True, slots=True)
class Changes:
    """What another reading of the settings means for a gateway that runs."""

    settings: Settings
    """Those that hold now: the new ones, with what is fixed as it was."""
    taken: tuple[str, ...]
    waiting: tuple[str, ...]
    """They have changed as well, and count at the next start."""


def changes(before: Settings, after: Settings) -> Changes:
    """Compare two readings, setting by setting; the names are those of the file."""
    taken: list[str] = []
    waiting: list[str] = []
    sections: dict[str, Any] = {}
    for section, structure in SECTIONS.items():
        values = {}
        for key in structure.__struct_fields__:
            old, new = (getattr(getattr(each, section), key) for each in (before, after))
            name, held = f"{section}.{key}", new
            if is_fixed(name) or (name == "upstream.api_key" and _moves(before, after)):
                held = _with_new_keys(old, new) if name == "upstream.fallbacks" else old
            if held != old:
                taken.append(name)
            if held != new:
                waiting.append(name)
            values[key] = held
        sections[section] = structure(**values)
    return Changes(Settings(**sections), tuple(taken), tuple(waiting))


def is_fixed(name: str) -> bool:
    """Whether that setting, ``section.key``, counts from the start to the end."""
    return name in FIXED or name.partition(".")[0] in FIXED_SECTIONS


def _moves(before: Settings, after: Settings) -> bool:
    """Whether the key alone would send calls elsewhere: a first one, or none any more."""
    return not before.upstream.url and bool(before.upstream.api_key) != bool(after.upstream.api_key)


def _with_new_keys(
    before: tuple[Fallback, ...], after: tuple[Fallback, ...]
) -> tuple[Fallback, ...]:
    """Those models as they were, each with its key as it is now."""
    keys = {each.name: each.api_key for each in after}
    return tuple(
        msgspec.structs.replace(each, api_key=keys.get(each.name, each.api_key)) for each in before
    )
