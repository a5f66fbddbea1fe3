"""Every state of the console: nothing overflows, axe finds no fault, and a picture of it is kept.

The pictures are in build/screens: two of each state, or with ``PARLEY_SCREENS=all`` those of five
widths, light and dark, for somebody who looks at them.
"""

import os
from pathlib import Path

import pytest

from tests.web.conftest import ROOT, opened, running_gateway
from tests.web.states import CLOCK, STATES, Page

SCRIPTED = Path(__file__).with_name("scripted_parley.js")
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
LOOKS = ALL if os.environ.get("PARLEY_SCREENS") == "all" else [("1440", "light"), ("320", "dark")]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

FITS = """() => {
  const wide = [document.scrollingElement, app].some(e => e.scrollWidth > e.clientWidth);
  const out = [...document.querySelectorAll('.controls .text > *, .top nav > *, .turn .text')]
    .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1);
  return [wide, out.map(e => e.id || e.className)];
}"""


@pytest.fixture(scope="module")
def url():
    with running_gateway(model_mode="echo") as served:
        yield served.url


def faults(page):
    """What axe finds, as lines."""
    found = page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", WCAG)
    return [
        f"{fault['id']}: {node['target']} {node['failureSummary']}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("name", STATES)
def test_every_state_is_one_to_be_shown(browser, url, name):
    """At each size, in each theme; without axe-core (`make axe`) its part is left out."""
    with opened(browser, url, replaced=SCRIPTED, before=CLOCK) as console:
        page = console.page
        page.set_viewport_size(_viewport("1440"))
        STATES[name](Page(page))
        if AXE.exists():
            page.evaluate(AXE.read_text(encoding="utf-8"))
        for size, theme in LOOKS:
            page.set_viewport_size(_viewport(size))
            page.emulate_media(color_scheme=theme, reduced_motion="no-preference")
            SCREENS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=SCREENS / f"{name}-{size}-{theme}.png", animations="disabled")
            assert [False, []] == page.evaluate(FITS)
            # Colours are judged at rest.
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            if AXE.exists():
                assert [] == faults(page)
    if not AXE.exists():
        pytest.skip("axe-core is not installed: `make axe` does it")


def _viewport(size):
    return dict(zip(("width", "height"), SIZES[size], strict=True))
