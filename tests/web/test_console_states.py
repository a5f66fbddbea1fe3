"""Every state of the console: nothing overflows, and axe finds no fault.

For somebody who looks at them `make screens` keeps pictures in build/screens, of five widths, light
and dark; ``PARLEY_SCREENS=yes`` keeps those of the two looks that `make test` has.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.web.conftest import Opened, load
from tests.web.looking import AXE, look_at, viewport
from tests.web.scripted import Page, State
from tests.web.states import STATES

FITS = """() => {
  const wide = [document.scrollingElement, app].some(e => e.scrollWidth > e.clientWidth);
  const out = [...document.querySelectorAll('.controls .text > *, .top nav > *, .turn .text')]
    .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1);
  return [wide, out.map(e => e.id || e.className)];
}"""


class Walk:
    """From state to state: a page goes on from the one before, and is loaded anew for another.

    Loading it and reaching what came before are paid ten times for 31 states, and axe, which stays
    there, takes half the time once its code is warm.
    """

    def __init__(self, shown: Opened, url: str) -> None:
        self._shown = shown
        self._url = url
        self._console: Page | None = None
        """None also after a test that failed, so that the next does not stand on its ruins."""

    @contextmanager
    def to(self, state: State) -> Iterator[Page]:
        console, self._console = self._console, None
        if console is None or console.at is not state.before:
            console = load(self._shown, self._url)
        console.page.set_viewport_size(viewport("1440"))
        state(console)
        yield console
        assert not self._shown.complaints
        self._console = console


@pytest.fixture(scope="module")
def walk(scripted_page, url):
    return Walk(scripted_page, url)


@pytest.mark.parametrize("name", STATES)
def test_every_state_is_one_to_be_shown(walk, name):
    """At each size, in each theme; without axe-core (`make axe`) its part is left out."""
    with walk.to(STATES[name]) as console:
        look_at(console.page, name, FITS)
    if not AXE.exists():
        pytest.skip("axe-core is not installed: `make axe` does it")
