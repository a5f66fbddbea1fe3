"""A page of the console whose parley.js is scripted: what a test has its call tell."""

import functools
from collections.abc import Callable
from typing import Any, Protocol

# What was said and heard, as levels: a pause is silence, a word is a few loud bars.
LEVELS = """(who, seconds, more = {}) => {
  let seed = window.seed = (window.seed ?? 1) + 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  window.clockMs ??= performance.now();
  for (let ms = 0; ms < seconds * 1000; ms += 64) {
    window.clockMs += 64;
    const db = -18 - 16 * random() ** 2 - (random() < 0.08 ? 40 : 0);
    const level = {you: -90, model: -90, ...(who ? {[who]: db} : {})};
    window.heardAt(window.clockMs, () => scripted.tell('level', level));
  }
}"""

# The rest of an answer, of which nothing is heard any more.
UNHEARD = """([itemId, offsetMs]) => {
  const loud = (n) => 0.3 * Math.abs(Math.sin(n / 40)) ** 3;
  const samples = Float32Array.from({length: 1400}, (_, n) => loud(n));
  scripted.tell('audio', {itemId, responseId: 'r', offsetMs, rateHz: 1000, samples});
}"""

# A clock that stands where the script puts it, so that a call of a minute takes no time.
CLOCK = """(() => {
  const begun = performance.now();
  let ahead = 0;
  performance.now = () => begun + ahead;
  window.ahead = ms => { ahead += ms; };
  window.heardAt = (at, does) => {
    ahead += Math.max(0, at - performance.now());
    does();
  };
})()"""


class Page:
    """A page of the console and its scripted call."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.at: State | None = None
        self.item = ""
        """The model's latest."""
        self._items = 0
        self._unfinished = ""
        self._has_begun = False

    def run(self, script: str, *args: Any) -> Any:
        return self.page.evaluate(script, *args)

    def tell(self, event: str, **fields: Any) -> None:
        self.page.evaluate("([name, event]) => scripted.tell(name, event)", [event, fields])

    def sound(self, who: str | None, seconds: float) -> None:
        self.page.evaluate(f"([who, s]) => ({LEVELS})(who, s)", [who, seconds])

    def come_to(self, state: "State") -> None:
        """Do what *state* takes, unless the page is there."""
        if self.at is not state:
            state(self)

    def begin(self) -> None:
        """Unless a call has begun."""
        if not self._has_begun:
            self.page.click("#start")
            self.page.wait_for_selector("html[data-scripted]")
            self._has_begun = True

    def connect(self, **changes: Any) -> None:
        self.begin()
        self.run(
            "changes => { scripted.connected(changes); window.clockMs = performance.now(); }",
            changes,
        )

    def hear(self, text: str, seconds: float = 2.4, *, final: bool = True) -> None:
        """You say *text*, or have said it when it is the rest of what was not final."""
        item = self._unfinished
        if not item:
            self._items += 1
            item = f"item_u{self._items}"
            self.tell("speech", active=True, itemId=item)
        self.sound("you", seconds)
        if final:
            self.tell("speech", active=False, itemId=item)
        self._unfinished = "" if final else item
        self.tell("transcript", role="user", itemId=item, text=text, final=final, delta=text)

    def answer(
        self, text: str, wait: dict[str, float], *, heard: float = 1.0, seconds: float = 3.0
    ) -> None:
        """The model says *text*, of which *heard* is heard so far."""
        self._items += 1
        self.item = item = f"item_m{self._items}"
        response = f"resp_{self._items}"
        self.sound(None, wait["totalMs"] / 1000)
        self.tell("transcript", role="assistant", itemId=item, text=text, final=True, delta=text)
        self.tell("speaking", itemId=item, responseId=response)
        turn = {"responseId": response, **wait}
        self.tell("latency", **turn)
        self.sound("model", seconds * heard)
        ms = seconds * 1000
        self.tell("playback", itemId=item, playedMs=ms * heard, receivedMs=ms)
        if heard == 1.0:
            self.tell("playback_ended", itemId=item, heardMs=ms, interrupted=False)

    def cut(self, heard_ms: float) -> None:
        self.run(UNHEARD, [self.item, heard_ms])
        self.tell("playback_ended", itemId=self.item, heardMs=heard_ms, interrupted=True)


class State(Protocol):
    """Brings a page there from where it has just been loaded, or from the state before."""

    before: "State | None"

    def __call__(self, page: Page) -> None: ...


def follows(before: State | None) -> Callable[[Callable[[Page], None]], State]:
    """What is decorated is the step from *before*; without one, from a page that was loaded."""

    def state_of(step: Callable[[Page], None]) -> State:
        @functools.wraps(step)
        def reach(page: Page) -> None:
            if before is not None:
                page.come_to(before)
            step(page)
            page.at = reach

        reach.before = before
        return reach

    return state_of
