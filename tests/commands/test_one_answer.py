"""What the parent of several processes asks them, and one that hangs; what else it asks is tried
in test_one_administration.py and tests/calls/.
"""

import socket

import pytest

from tests.calls.house import house_settings, until, whole_log
from tornado_app.commands.one_administration import OneAdministration
from tornado_app.commands.one_page import OnePage
from tornado_app.handlers.admin.passing_on import Asked

SOON_S = 0.1
LIMITS = Asked("GET", "/admin/v1/limits", {}, b"")


@pytest.fixture
def hanging():
    """Takes connections, and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield silent


def page_of(hanging):
    page = OnePage(house_settings(metrics_enabled=True, metrics_port=0).metrics, 1, lambda: None)
    page.start()
    page.listens(0, hanging.getsockname()[1])
    return page


async def is_over(client):
    """Nothing is asked any more, be it that nobody waits for it."""
    await until(lambda: not client.active, "a request goes on")


@pytest.mark.gen_test
async def test_a_process_that_hangs_is_no_fault_of_ours(hanging, monkeypatch):
    """Nobody waits for its answer longer, and nothing is said of that in the log."""
    monkeypatch.setattr("tornado_app.commands.one_administration.READ_S", SOON_S)
    ports = {0: hanging.getsockname()[1]}
    one = OneAdministration("127.0.0.1", lambda: ports, "key", count=1, are_shared=False)
    with whole_log("error") as log:
        answered = await one.answer(LIMITS)
        await is_over(one._client)
    one.close()

    assert (503, "") == (answered.status, log.getvalue())
    assert 503 == (await one.answer(LIMITS)).status


@pytest.mark.gen_test
async def test_nor_is_it_when_the_page_of_all_is_made(hanging, monkeypatch):
    monkeypatch.setattr("tornado_app.commands.one_page.ASK_S", SOON_S)
    page = page_of(hanging)
    with whole_log("error") as log:
        await page.look()
        await is_over(page._client)
    await page.stop()

    assert "" == log.getvalue()


@pytest.mark.gen_test
async def test_nor_when_the_parent_ends_while_it_asks(hanging, monkeypatch):
    """What it has asked fails afterwards, as that process ends as well."""
    monkeypatch.setattr("tornado_app.commands.one_page.EACH_S", 0.0)
    page = page_of(hanging)
    with whole_log("error") as log:
        await until(lambda: page._client.active, "nobody asks")
        await page.stop()
        hanging.close()
        await is_over(page._client)

    assert "" == log.getvalue()
