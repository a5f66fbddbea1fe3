"""Pieces of an answer that are no audio."""

from tests.session.story import config
from tornado_app.session.actions import Actions
from tornado_app.session.breakage import TOLD_BURST, Breakage


def test_each_is_told_until_there_are_many_and_then_the_sum():
    """So that a model which sends nothing else does not fill the client's queue."""
    actions = Actions(config())
    breakage = Breakage(actions)
    told = [breakage.note(7) for _ in range(int(TOLD_BURST) + 3)]

    one = "A piece of the answer was no audio and is missing."
    assert [one] * int(TOLD_BURST) == [each.sentence for each in told if each]
    assert [None] * 3 == told[int(TOLD_BURST) :]
    rest = breakage.take_untold()
    assert ("upstream_unavailable", "3 pieces of the answer were no audio and are missing.") == (
        rest.code,
        rest.sentence,
    )
    assert (None, TOLD_BURST + 3) == (breakage.take_untold(), breakage.pieces)
    actions.now += 1.0
    assert one == breakage.note(7).sentence
    lines = [each for each in actions.take() if each.event == "answer_audio_broken"]
    assert {7} == {each.fields["size_bytes"] for each in lines}
    assert TOLD_BURST + 4 == len(lines)
