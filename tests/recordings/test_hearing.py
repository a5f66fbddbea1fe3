"""When the user heard what of the answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.recordings.loudspeaker import Loudspeaker
from tornado_app.recordings.hearing import RUN_GAP_MS, Clip, lay_answers
from tornado_app.session.record import Away, Back, Cut, Ended, Sent, Told

ENOUGH = Ended(1e6)


def errors(clips, heard):
    """How far off each millisecond that was heard is; None, if it is missing."""
    found = []
    for now, item_id, place in heard:
        begins = [
            clip.begin_ms + place - clip.offset_ms
            for clip in clips
            if clip.item_id == item_id
            and clip.offset_ms - 0.5 <= place < clip.offset_ms + clip.duration_ms - 0.5
        ]
        found.append(min((abs(begin - now) for begin in begins), default=None))
    return found


def test_without_a_word_of_the_client_it_plays_at_once():
    clips = lay_answers([Sent(1000, "a", 0, 400), Sent(1100, "a", 400, 600), ENOUGH])

    assert [Clip(1000, "a", 0, 1000)] == clips


def test_what_comes_late_is_heard_late():
    clips = lay_answers([Sent(0, "a", 0, 400), Sent(900, "a", 400, 100), ENOUGH])

    assert [Clip(0, "a", 0, 400), Clip(900, "a", 400, 100)] == clips


def test_a_report_says_how_long_the_client_waited_before_it_began():
    notes = [Sent(0, "a", 0, 2000), Told(300, "a", 180), ENOUGH]

    assert [Clip(120, "a", 0, 2000)] == lay_answers(notes)


def test_a_report_that_was_long_on_its_way_is_outdone_by_one_that_was_not():
    notes = [Sent(0, "a", 0, 2000), Told(400, "a", 180), Told(520, "a", 400), ENOUGH]

    assert [Clip(120, "a", 0, 2000)] == lay_answers(notes)


def test_a_pause_within_an_answer_is_where_the_reports_have_it():
    notes = [Sent(0, "a", 0, 2000), Told(500, "a", 500), Told(1200, "a", 900), ENOUGH]

    assert [Clip(0, "a", 0, 500), Clip(800, "a", 500, 1500)] == lay_answers(notes)


@pytest.mark.parametrize("last", [[], [Told(860, "a", 820)]])
def test_last_reports_that_are_a_little_late_make_no_pause(last):
    notes = [Sent(0, "a", 0, 1000), Told(500, "a", 500), Told(840, "a", 800), *last, ENOUGH]

    assert [Clip(0, "a", 0, 1000)] == lay_answers(notes)


def test_the_end_of_an_item_may_be_told_late():
    notes = [Sent(0, "a", 0, 1000), Told(300, "a", 250), Told(5000, "a", 1000), ENOUGH]

    assert [Clip(50, "a", 0, 1000)] == lay_answers(notes)


@pytest.mark.parametrize(("told_at", "begins_at"), [(1150, 150), (1600, 0)])
def test_the_end_alone_says_when_it_began_if_it_can_have_been_then(told_at, begins_at):
    notes = [Sent(0, "a", 0, 1000), Told(told_at, "a", 1000), ENOUGH]

    assert [Clip(begins_at, "a", 0, 1000)] == lay_answers(notes)


def test_nothing_is_heard_before_it_was_sent():
    notes = [Sent(1000, "a", 0, 500), Told(1100, "a", 400), ENOUGH]

    assert [Clip(1000, "a", 0, 500)] == lay_answers(notes)


def test_an_answer_has_nothing_to_do_with_the_one_before_it():
    notes = [
        *(Sent(0, "a", 0, 1500), Told(1000, "a", 900)),
        *(Sent(9800, "b", 0, 500), Told(10_000, "b", 50)),
        ENOUGH,
    ]
    assert [Clip(100, "a", 0, 1500), Clip(9950, "b", 0, 500)] == lay_answers(notes)


def test_an_interruption_leaves_silence():
    notes = [
        *(Sent(0, "a", 0, 3000), Sent(10, "b", 0, 500), Told(500, "a", 400)),
        Cut(1100, "a", 1000),
        *(Sent(2000, "c", 0, 100), ENOUGH),
    ]
    assert [Clip(100, "a", 0, 1000), Clip(2000, "c", 0, 100)] == lay_answers(notes)


def test_an_interruption_by_voice_ends_what_plays_then():
    notes = [Sent(0, "a", 0, 3000), Told(500, "a", 400), Cut(1100, "a", None), ENOUGH]

    assert [Clip(100, "a", 0, 1000)] == lay_answers(notes)


def test_an_interruption_of_nothing_takes_nothing_back():
    notes = [Sent(0, "a", 0, 300), Cut(1100, None, None), ENOUGH]

    assert [Clip(0, "a", 0, 300)] == lay_answers(notes)


def test_what_was_not_played_when_the_call_ended_was_not_heard():
    assert [Clip(0, "a", 0, 250)] == lay_answers([Sent(0, "a", 0, 3000), Ended(250)])


def test_reports_of_what_was_never_sent_mean_nothing():
    notes = [Told(5, "x", 70), Sent(10, "a", 0, 100), Told(20, "b", 5), Told(30, "", 5), ENOUGH]

    assert [Clip(10, "a", 0, 100)] == lay_answers(notes)


def test_what_a_lost_client_has_missed_is_heard_when_it_is_back():
    """It had the first half second; the second was on its way, the third said meanwhile."""
    notes = [
        *(Sent(number * 500, "a", number * 500, 500, 10 + number) for number in range(2)),
        Away(600),
        Sent(1000, "a", 1000, 500, 12),
        Back(3000, 10),
        Sent(3500, "a", 1500, 500, 14),
        ENOUGH,
    ]

    assert [Clip(0, "a", 0, 500), Clip(3000, "a", 500, 1500)] == lay_answers(notes)


def test_a_client_that_is_lost_twice():
    """What it missed the first time it has still not had the second time."""
    notes = [
        *(Away(0), Sent(10, "a", 0, 100, 5), Back(1000, 4)),
        *(Away(1010), Back(2000, 4), ENOUGH),
    ]

    assert [Clip(2000, "a", 0, 100)] == lay_answers(notes)


def test_a_second_connection_that_takes_over_was_not_missed_first():
    notes = [Sent(0, "a", 0, 100, 5), Sent(10, "a", 100, 900, 6), Back(3000, 5), ENOUGH]

    assert [Clip(0, "a", 0, 100), Clip(3000, "a", 100, 900)] == lay_answers(notes)


def test_an_interruption_that_a_lost_client_is_told_late_stops_what_it_had_till_then():
    """What it never had before it was told is heard by nobody."""
    sent = [Sent(0, "a", 0, 2000, 5), Away(100), Sent(200, "a", 2000, 500, 6)]

    notes = [*sent, Cut(300, "a", None, 7), Back(1500, 5), ENOUGH]
    assert [Clip(0, "a", 0, 1500)] == lay_answers(notes)
    notes = [*sent, Cut(300, "a", None, 7), Back(2500, 5), ENOUGH]
    assert [Clip(0, "a", 0, 2000)] == lay_answers(notes)


@pytest.mark.parametrize("ends", [[Ended(20_000)], []])
def test_what_waits_for_a_client_that_never_comes_is_heard_by_nobody(ends):
    notes = [Sent(0, "a", 0, 500, 5), Away(600), Sent(700, "a", 500, 500, 6), *ends]

    assert [Clip(0, "a", 0, 500)] == lay_answers(notes)


class Seq(int):
    """Counts how often it is looked whether a message is behind it."""

    looks = 0

    def _look(self, is_so):
        Seq.looks += 1
        return is_so

    def __lt__(self, other):
        return self._look(int(self) < other)

    def __ge__(self, other):
        return self._look(int(self) >= other)


def test_a_client_that_is_back_often_costs_what_it_had_missed_each_time():
    """And not the whole call."""
    notes, times, Seq.looks = [], 400, 0
    for seq in range(1, times + 1):
        at_ms = seq * 1000
        notes += [Sent(at_ms, "a", (seq - 1) * 500, 500, seq), Away(at_ms + 100)]
        notes += [Told(at_ms + 100, "a", (seq - 1) * 500 + 50), Back(at_ms + 200, Seq(seq - 1))]

    assert 500 * times == sum(clip.duration_ms for clip in lay_answers(notes))
    assert times <= Seq.looks <= 2 * times


@given(
    st.lists(st.tuples(st.sampled_from("sstcb"), st.integers(0, 900), st.integers(0, 4))),
)
def test_what_was_missed_is_heard_as_if_it_had_been_sent_when_the_client_was_back(steps):
    """However often that is lost, and whatever it has had by then."""
    now, seq, had, notes, moved = 0, 0, 0, [], []
    for what, number, missed in steps:
        now += number
        match what:
            case "s" | "c":
                seq += 1
                sent = Sent(now, "a", seq * 900, 900, seq)
                sent = sent if what == "s" else Cut(now, None, None, seq)
                notes.append(sent)
                moved.append(sent)
            case "t":
                moved.append(Told(now, "a", number))
                notes.append(moved[-1])
            case _:
                had = max(had, seq - missed)
                notes += [Away(now), Back(now, had)]
                moved = [
                    structs.replace(each, at_ms=now) if getattr(each, "seq", 0) > had else each
                    for each in moved
                ]

    assert lay_answers([*moved, ENOUGH]) == lay_answers([*notes, ENOUGH])


pieces = st.lists(
    st.tuples(
        st.sampled_from([0, 20, 60, 200, 900, 3000]),
        st.sampled_from("abc"),
        st.integers(1, 900),
    ),
    min_size=1,
    max_size=12,
)


@given(pieces, st.integers(0, 200), st.integers(40, 300), st.integers(0, 60))
def test_it_is_where_the_client_played_it(coming, wait_ms, report_each_ms, down_ms):
    """A client that reports, and answers that come in any way: within 20 ms nearly always.

    Where the client ran dry is only known to lie between two reports, so a pause may be laid
    there, before what was still played: at most as long as they are apart.
    """
    at_ms, sent = 0, []
    for pause_ms, item_id, duration_ms in coming:
        at_ms += pause_ms
        sent.append((at_ms, item_id, duration_ms))
    client = Loudspeaker(wait_ms, report_each_ms, down_ms)
    notes = client.play(sent, at_ms + 12_000)

    off = errors(lay_answers([*notes, ENOUGH]), client.heard)

    assert None not in off
    assert max(off) <= max(report_each_ms, 20) + wait_ms + down_ms + 11
    if len({item_id for _, item_id, _ in sent}) == len(sent) == 1 and sent[0][2] > 400:
        assert max(off) <= 20


@given(pieces, st.integers(0, 200), st.integers(0, 6000), st.integers(1, 4000), st.integers(0, 80))
def test_it_is_where_a_client_played_it_that_was_lost_meanwhile(
    coming, wait_ms, lost_ms, away_ms, down_ms
):
    """What was on its way is lost with the connection, and comes again when it is back.

    A pause as short as that may be one within what was played, as above.
    """
    at_ms, sent, played = 0, [], []
    back_ms = lost_ms + away_ms
    for pause_ms, item_id, duration_ms in coming:
        at_ms += pause_ms
        is_missed = lost_ms - down_ms <= at_ms < back_ms
        sent.append((at_ms, is_missed))
        played.append((back_ms if is_missed else at_ms, item_id, duration_ms))
    client = Loudspeaker(wait_ms, 40, down_ms)
    told = client.play(played, max(at_ms, back_ms) + 12_000)

    notes = [each for each in told if not lost_ms <= each.at_ms <= back_ms + down_ms]
    notes = [each for each in notes if isinstance(each, Told)]
    pieces_told = [each for each in told if isinstance(each, Sent)]
    for seq, (piece, (at, _)) in enumerate(zip(pieces_told, sent, strict=True), 1):
        notes.append(Sent(at, piece.item_id, piece.offset_ms, piece.duration_ms, seq))
    had = [seq for seq, (at, is_missed) in enumerate(sent, 1) if at < back_ms and not is_missed]
    notes += [Away(lost_ms), Back(back_ms, max(had, default=0))]
    notes.sort(key=lambda note: note.at_ms)

    off = errors(lay_answers([*notes, ENOUGH]), client.heard)
    assert None not in off
    assert max(off) <= 40 + wait_ms + down_ms + min(away_ms, RUN_GAP_MS) + 11


@given(
    st.lists(
        st.one_of(
            st.builds(
                Sent,
                st.floats(0, 500),
                st.sampled_from("ab"),
                st.just(0.0),
                st.floats(0.1, 800),
            ),
            st.builds(Told, st.floats(0, 500), st.sampled_from("abc"), st.floats(0, 3000)),
            st.builds(
                Cut, st.floats(0, 500), st.sampled_from(["a", "b", "c", None]), st.floats(0, 3000)
            ),
        ),
        max_size=30,
    )
)
def test_whatever_is_told(steps):
    """No clip overlaps another or is heard before it was sent; no more is heard than was sent."""
    now, notes, offsets = 0.0, [], {}
    for step in steps:
        now += step.at_ms
        match step:
            case Sent(_, item_id, _, duration_ms):
                notes.append(Sent(now, item_id, offsets.get(item_id, 0.0), duration_ms))
                offsets[item_id] = offsets.get(item_id, 0.0) + duration_ms
            case Told(_, item_id, played_ms):
                notes.append(Told(now, item_id, played_ms))
            case Cut(_, item_id, heard_ms):
                notes.append(Cut(now, item_id, heard_ms))
    clips = lay_answers([*notes, Ended(now)])

    end_ms = 0.0
    for clip in clips:
        assert clip.begin_ms >= end_ms - 0.02
        assert clip.duration_ms > 0
        end_ms = clip.begin_ms + clip.duration_ms
        assert end_ms <= now + 0.02
        assert clip.offset_ms + clip.duration_ms <= offsets[clip.item_id] + 0.02
