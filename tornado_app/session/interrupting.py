"""What an interruption does: for each state of what the client hears, and each event, one row.

`Cutting` performs the rows, docs/interrupting.md draws them, and a test tells a story for each.
"""

from enum import StrEnum
from typing import NamedTuple


class Heard(StrEnum):
    """What the client hears; where several hold, the first."""

    IN_DOUBT = "in doubt"
    """Nothing: an answer was stopped by speech that may prove to be a noise."""
    SPEAKING = "speaking"
    """An answer runs."""
    PLAYING = "playing"
    """An answer is over at the model; some of it still plays, or waits for the client."""
    ASKED = "asked"
    """Nothing yet: an answer is asked for, or to come."""
    ENDING = "ending"
    """Nothing: an answer was stopped, and the model has not said yet that it is over."""
    SILENT = "silent"
    """Nothing."""


class Event(StrEnum):
    SPEECH = "speech"
    """The model hears the user, and ends its answer by itself."""
    DOUBTFUL = "doubtful speech"
    """The same, with `session.false_start = "go_on"`."""
    INTERRUPT = "interrupt"
    """The client stops the answer."""
    TURN = "turn"
    """The user has typed, or committed, and is to be answered."""
    WORDS = "words"
    """What was in doubt was somebody: there is a transcript, the speech goes on, or it is answered
    already."""
    NOISE = "noise"
    """It was nobody: no words came in time, or a transcript without any."""
    LOST = "lost model"
    """The link to the model is gone."""


class Step(StrEnum):
    WITHDRAW = "withdraw"
    """No answer that was asked for, or was to come, is wanted any more."""
    CANCEL = "cancel"
    """``response.cancel`` for the answer that runs, by its id, unless it is stopped already."""
    DROP = "drop"
    """Audio that waits is not sent."""
    KEEP = "keep"
    """It is not sent now, and kept with what was sent and not heard."""
    TRUNCATE = "truncate"
    """Each item is cut at the model where it was heard, and its text is final."""
    MUTE = "mute"
    """Nothing more of any answer so far is for the client."""
    TELL = "tell"
    """``interrupted``."""
    WAIT = "wait"
    """Anew, for words."""
    PLAY = "play"
    """What was kept is sent, from where it was heard; ``answer_goes_on``."""
    FORGET_NOISE = "forget noise"
    """What was taken for a turn is deleted at the model, and an answer to it is cancelled."""
    ASK_REST = "ask rest"
    """The model is asked for what is missing of the answer, if something is."""
    NOTE = "note"
    """The ledger has of each item what was heard of it; the next model is asked for the rest of an
    answer that was still running."""


class Row(NamedTuple):
    steps: tuple[Step, ...]
    then: Heard


_CUT = (Step.DROP, Step.TRUNCATE, Step.MUTE, Step.TELL)
_STOP = (Step.WITHDRAW, Step.CANCEL, *_CUT)
_HOLD = (Step.KEEP, Step.MUTE, Step.TELL)
H, E = Heard, Event

TABLE: dict[tuple[Heard, Event], Row] = {
    # Its cancel could hit the next answer: the model cancels by itself.
    (H.SPEAKING, E.SPEECH): Row(_CUT, H.ENDING),
    (H.PLAYING, E.SPEECH): Row(_CUT, H.SILENT),
    (H.ASKED, E.SPEECH): Row((), H.ASKED),
    (H.ENDING, E.SPEECH): Row((), H.ENDING),
    (H.SILENT, E.SPEECH): Row((), H.SILENT),
    (H.SPEAKING, E.DOUBTFUL): Row(_HOLD, H.IN_DOUBT),
    (H.PLAYING, E.DOUBTFUL): Row(_HOLD, H.IN_DOUBT),
    (H.IN_DOUBT, E.DOUBTFUL): Row((Step.WAIT,), H.IN_DOUBT),
    (H.ASKED, E.DOUBTFUL): Row((), H.ASKED),
    (H.ENDING, E.DOUBTFUL): Row((), H.ENDING),
    (H.SILENT, E.DOUBTFUL): Row((), H.SILENT),
    (H.SPEAKING, E.INTERRUPT): Row(_STOP, H.ENDING),
    (H.PLAYING, E.INTERRUPT): Row(_STOP, H.SILENT),
    (H.IN_DOUBT, E.INTERRUPT): Row(_STOP, H.ENDING),
    (H.ASKED, E.INTERRUPT): Row(_STOP, H.SILENT),
    (H.ENDING, E.INTERRUPT): Row(_STOP, H.ENDING),
    (H.SILENT, E.INTERRUPT): Row(_STOP, H.SILENT),
    (H.SPEAKING, E.TURN): Row(_STOP, H.ASKED),
    (H.PLAYING, E.TURN): Row(_STOP, H.ASKED),
    (H.IN_DOUBT, E.TURN): Row(_STOP, H.ASKED),
    (H.ASKED, E.TURN): Row((), H.ASKED),
    (H.ENDING, E.TURN): Row((), H.ASKED),
    (H.SILENT, E.TURN): Row((), H.ASKED),
    (H.IN_DOUBT, E.WORDS): Row((Step.TRUNCATE,), H.ENDING),
    (H.IN_DOUBT, E.NOISE): Row((Step.FORGET_NOISE, Step.PLAY, Step.ASK_REST), H.SPEAKING),
    (H.IN_DOUBT, E.LOST): Row((Step.NOTE,), H.ASKED),
}
"""*then* is what follows while the model has said nothing more.  Behind doubt the answer may be
over at the model already: then "playing" follows for "speaking", and "silent" for "ending" and
"asked".  A row that is not here cannot be: what was in doubt is settled by its own events alone,
and speech that comes meanwhile is as doubtful."""
