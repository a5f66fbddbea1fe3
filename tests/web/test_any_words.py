"""Words of any language and length, where the pages show what is said."""

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from tests.web.conftest import loaded

HEBREW = "מה השעה? Tokyo."
LONG = "w" * 400
LAID_OUT = """text => ({
  direction: getComputedStyle(text).direction,
  isWithin: document.documentElement.scrollWidth <= innerWidth
    && text.getBoundingClientRect().right <= innerWidth,
})"""


def told(page, item_id, text):
    page.run(
        "event => scripted.tell('transcript', event)",
        {"role": "user", "itemId": item_id, "text": text, "final": True, "delta": text},
    )


def laid_out(words):
    return [words.nth(at).evaluate(LAID_OUT) for at in range(2)]


EACH = [{"direction": "rtl", "isWithin": True}, {"direction": "ltr", "isWithin": True}]


def test_the_console_reads_each_text_its_own_way_and_within_its_width(scripted_page, url):
    """From the right what is written so, and no word makes the page wider than a telephone."""
    with loaded(scripted_page, url) as page:
        page.page.set_viewport_size({"width": 320, "height": 640})
        page.page.click("#start")
        page.page.wait_for_selector("html[data-scripted]")
        page.run("scripted.connected({})")
        told(page, "a", HEBREW)
        told(page, "b", LONG)

        assert EACH == laid_out(page.page.locator(".turn.you .text"))


def test_the_element_reads_each_text_its_own_way_and_within_its_width(scripted_page, url):
    """The same, where it stands in a page that has scripts of its own."""
    with loaded(scripted_page, url) as page:
        page.page.set_viewport_size({"width": 320, "height": 640})
        page.run(
            """async () => {
                await import("/parley-call.js");
                document.body.append(document.createElement("parley-call"));
                document.querySelector("parley-call").start();
            }"""
        )
        told(page, "a", HEBREW)
        told(page, "b", LONG)

        assert EACH == laid_out(page.page.locator("parley-call p.user > :last-child"))
