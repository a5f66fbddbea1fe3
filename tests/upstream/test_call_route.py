"""The way of one call among several upstreams: tornado_app/upstream/call_route.py."""

import asyncio
from dataclasses import replace

import pytest

from tests.calls.house import house_settings
from tests.failover.test_breaker import NO_QUOTA
from tests.failover.test_route import NO_MODEL, NO_SESSION
from tests.session.story import config
from tornado_app.audio.pipeline import nothing
from tornado_app.failover.upstreams import Upstream
from tornado_app.mailbox import Mailbox
from tornado_app.session.commands import NoteModel
from tornado_app.upstream.call_route import CallRoute
from tornado_app.upstream.several import Several


def two() -> Several:
    return Several(
        house_settings(),
        [Upstream("openai"), Upstream("azure")],
        Mailbox(asyncio.get_running_loop()),
        dial=nothing,
        opened=nothing,
        retire=nothing,
        attempt=nothing,
        hear=lambda *_: None,
    )


def refused(ending=NO_SESSION) -> NoteModel:
    return NoteModel(False, "openai", ending)


@pytest.mark.gen_test
async def test_a_better_one_is_one_before_it_that_has_refused_nothing():
    """And before any is used there is none."""
    route = CallRoute(two(), config())
    assert {"openai"} == route.better("azure")
    assert not route.better("openai")
    assert not route.better("")
    route.note(refused())
    assert not route.better("azure")


@pytest.mark.gen_test
async def test_what_was_refused_to_a_call_says_nothing_of_it_with_another_model():
    several = two()
    call = config()
    route = CallRoute(several, call)
    route.note(refused())
    route.begin_anew(replace(call, model_session=replace(call.model_session, model="another")))
    assert {"openai"} == route.better("azure")
    route.note(refused(NO_MODEL))  # which no other call asks for
    assert not route.better("azure")
    assert {"openai"} == CallRoute(several, call).better("azure")


@pytest.mark.gen_test
async def test_all_calls_learn_what_one_was_told():
    """Not of a call that has reached none."""
    several = two()
    CallRoute(several, config()).note(NoteModel(False, "", NO_QUOTA))
    assert {} == several.out
    CallRoute(several, config()).note(refused(NO_QUOTA))
    assert {"openai"} == several.out.keys()
    CallRoute(several, config()).note(NoteModel(True, "openai"))
    assert {} == several.out
