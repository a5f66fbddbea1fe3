from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.session.story import Story


@pytest.fixture
def stage() -> Iterator[Callable[..., Story]]:
    """Makes stories, and checks each one's invariants when the test is over."""
    made: list[Story] = []

    def make(**changes: Any) -> Story:
        made.append(Story(**changes))
        return made[-1]

    yield make
    for story in made:
        story.check()


@pytest.fixture
def story(stage: Callable[..., Story]) -> Story:
    return stage()
