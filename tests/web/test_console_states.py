"""Every state of the console: nothing overflows, axe finds no fault, and a picture of it is kept.

The pictures are in build/screens: two of each state, or with ``PARLEY_SCREENS=all`` those of five
widths, light and dark, for somebody who looks at them.
"""

import pytest

from tests.web.conftest import loaded, running_gateway
from tests.web.looking import AXE, look_at, viewport
from tests.web.states import STATES

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


@pytest.mark.parametrize("name", STATES)
def test_every_state_is_one_to_be_shown(scripted_page, url, name):
    """At each size, in each theme; without axe-core (`make axe`) its part is left out."""
    # Nothing moves on the way there, where nobody looks.
    with loaded(scripted_page, url, reduced_motion="reduce") as console:
        console.page.set_viewport_size(viewport("1440"))
        STATES[name](console)
        look_at(console.page, name, FITS)
    if not AXE.exists():
        pytest.skip("axe-core is not installed: `make axe` does it")
