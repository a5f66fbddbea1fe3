"""The operator's file of plans: which limits somebody has instead of everybody's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tornado_app.settings.schema import SECTIONS, Quotas, Settings
from tornado_app.settings.toml_file import read_tables
from tornado_app.settings.words import allowed

PLANNED = (
    "limits.connections",
    "limits.connections_per_user",
    "limits.connections_per_address",
    "limits.connections_per_organisation",
    "limits.openings_per_s",
    "limits.openings_per_user_per_minute",
    "limits.audio_rate",
    "limits.audio_burst_ms",
    "session.max_call_s",
    "session.idle_timeout_s",
    "usage.show_cost",
    *(f"quotas.{name}" for name in Quotas.__struct_fields__),
)
"""What a plan may say; all else is the same for everybody."""
PLANS_MAX = 200


def read_plans(settings: Settings, root: Path) -> tuple[dict[str, Settings], list[str]]:
    """The settings of each plan, and what is wrong with the file."""
    name = settings.limits.plans_file
    if not name:
        return {}, []
    try:
        tables = read_tables(root / name)
    except ValueError as error:
        return {}, [f"{name} {error}"]
    problems: list[str] = []
    if len(tables) > PLANS_MAX:
        problems.append(f"{name}: there may be {PLANS_MAX} plans")
    plans = {plan: _plan(settings, plan, table, problems) for plan, table in tables.items()}
    return plans, [f"{name}: {problem}" for problem in problems]


def _plan(settings: Settings, plan: str, table: Any, problems: list[str]) -> Settings:
    sections: dict[str, Any] = {}
    for section, values in table.items() if isinstance(table, Mapping) else ():
        found = {}
        for key, value in values.items() if isinstance(values, Mapping) else ():
            setting = f"{section}.{key}"
            if setting not in PLANNED:
                problems.append(f"{plan}.{setting}: is nothing that a plan may say")
                continue
            kind = SECTIONS[section].__annotations__[key]
            try:
                found[key] = msgspec.convert(value, kind)
            except msgspec.ValidationError:
                problems.append(f"{plan}.{setting}: must be {allowed(kind)}")
        if not isinstance(values, Mapping):
            instead = f"write limits.{section}, for one"
            if section in SECTIONS:
                instead = f"it is a table, to be written as [{plan}.{section}]"
            problems.append(f"{plan}.{section}: is no setting; {instead}")
        elif section in SECTIONS:
            sections[section] = msgspec.structs.replace(getattr(settings, section), **found)
    if not isinstance(table, Mapping):
        problems.append(f"{plan}: is a plan, to be written as [{plan}]")
    return msgspec.structs.replace(settings, **sections)
