"""How pages are looked at: sizes, themes, pictures, and faults of accessibility."""

import os
from pathlib import Path
from typing import Any

from tests.web.stage import ROOT

AXE = Path(__file__).parent / "axe" / "node_modules" / "axe-core" / "axe.min.js"
SCREENS = ROOT / "build" / "screens"

# The last one is a laptop of 1440 px at 200 %.
SIZES = {
    "320": (320, 640),
    "600": (600, 800),
    "1016": (1016, 760),
    "1440": (1440, 900),
    "1440-zoomed": (720, 450),
}
ALL = [(size, theme) for size in SIZES for theme in ("light", "dark")]
WANTED = os.environ.get("PARLEY_SCREENS")
LOOKS = ALL if WANTED == "all" else [("1440", "light"), ("320", "dark")]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# Half the time: what passes is not told, and style sheets are not fetched once more for a rule that
# is none of these.
RULES = {
    "runOnly": {"type": "tag", "values": WCAG},
    "resultTypes": ["violations"],
    "preload": {"assets": ["media"]},
}


def viewport(size: str) -> dict[str, int]:
    return dict(zip(("width", "height"), SIZES[size], strict=True))


def faults(page: Any) -> list[str]:
    """What axe finds, as lines."""
    found = page.evaluate("rules => axe.run(document, rules).then(told => told.violations)", RULES)
    return [
        f"{fault['id']}: {node['target']} {node['failureSummary']}"
        for fault in found
        for node in fault["nodes"]
    ]


def look_at(page: Any, name: str, fits: str, **options: Any) -> None:
    """See that it is right in each look, where *fits* gives [False, []] if nothing overflows.

    Nothing moves, and colours are judged at rest.  Without axe-core (`make axe`) its part is left
    out; pictures are kept where ``PARLEY_SCREENS`` asks for them.
    """
    if AXE.exists():
        page.evaluate(f"window.axe ?? (() => {{ {AXE.read_text(encoding='utf-8')} }})()")
    for size, theme in LOOKS:
        page.set_viewport_size(viewport(size))
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        if WANTED:
            SCREENS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=SCREENS / f"{name}-{size}-{theme}.png", **options)
        found = page.evaluate(fits)
        assert [False, []] == found, (name, size, found)
        if AXE.exists():
            assert [] == faults(page), (name, size, theme)
