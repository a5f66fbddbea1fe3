"""What was said, in words and with times: as values, and as WebVTT.  Pure.

https://www.w3.org/TR/webvtt1/
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from tornado_app.recordings.hearing import Clip
from tornado_app.session.record import Entry, Sent, Spoken, Words

LEAST_MS = 1000.0
"""A cue is to be read: what was typed takes no time, and a word less than this."""
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Utterance:
    """One turn of one side.  ``item_id`` is empty for what was typed."""

    role: Literal["user", "assistant"]
    item_id: str
    begin_ms: float
    end_ms: float
    text: str
    heard_characters: int
    """How much of *text* was heard; all of it, unless somebody interrupted."""


def utterances(entries: Iterable[Entry], clips: Sequence[Clip], end_ms: float) -> list[Utterance]:
    """What was said by whom, by the times at which it began; *clips* is what was heard."""
    spoken: dict[str, list[float]] = {}
    sent_ms: dict[str, float] = {}
    words: dict[str, Words] = {}
    typed: list[Words] = []
    for entry in entries:
        match entry:
            case Spoken(at_ms, item_id):
                spoken.setdefault(item_id, []).append(at_ms)
            case Sent(_, item_id, _, duration_ms):
                sent_ms[item_id] = sent_ms.get(item_id, 0.0) + duration_ms
            case Words(_, _, ""):
                typed.append(entry)
            case Words():
                words[entry.item_id] = entry
            case _:
                pass
    heard: dict[str, list[Clip]] = {}
    for clip in clips:
        heard.setdefault(clip.item_id, []).append(clip)
    said = [_typed(entry, end_ms) for entry in typed]
    for item_id, entry in words.items():
        if entry.role == "user":
            said.append(_spoken(entry, spoken.get(item_id, [entry.at_ms]), end_ms))
        else:
            said.append(_answered(entry, heard.get(item_id, []), sent_ms.get(item_id), end_ms))
    return sorted(said, key=lambda each: each.begin_ms)


def webvtt(said: Sequence[Utterance]) -> str:
    """The same as subtitles; what nobody heard is of the class ``unheard``."""
    cues = [
        f"{_clock(each.begin_ms)} --> {_clock(max(each.end_ms, each.begin_ms + LEAST_MS))}\n"
        f"<v {'User' if each.role == 'user' else 'Model'}>{_cue_text(each)}\n"
        for each in said
        if each.text.strip()
    ]
    return "\n".join(["WEBVTT\n", *cues])


def heard_characters(text: str, heard_ms: float, sent_ms: float) -> int:
    """How much of *text* was heard, if it is spoken evenly, to the end of a word.

    A word of which half was spoken was heard, as in the console.
    """
    if heard_ms <= 0 or sent_ms <= 0:
        return 0
    if heard_ms >= sent_ms - 1:  # half a sample may be missing
        return len(text)
    exact = len(text) * heard_ms / sent_ms
    words = [word for word in _WORD.finditer(text) if sum(word.span()) / 2 <= exact]
    return words[-1].end() if words else 0


def _typed(entry: Words, end_ms: float) -> Utterance:
    at_ms = min(entry.at_ms, end_ms)
    return Utterance("user", "", at_ms, at_ms, entry.text, len(entry.text))


def _spoken(entry: Words, times_ms: list[float], end_ms: float) -> Utterance:
    begin_ms, stop_ms = min(times_ms), min(max(times_ms), end_ms)
    text = entry.text
    return Utterance("user", entry.item_id, begin_ms, stop_ms, text, len(text))


def _answered(
    entry: Words, clips: Sequence[Clip], sent_ms: float | None, end_ms: float
) -> Utterance:
    """Of an answer that was never sent as sound the words are what the user got of it."""
    text = entry.text
    if not clips:
        heard = len(text) if sent_ms is None else 0
        at_ms = min(entry.at_ms, end_ms)
        return Utterance("assistant", entry.item_id, at_ms, at_ms, text, heard)
    heard_ms = sum(clip.duration_ms for clip in clips)
    stop_ms = clips[-1].begin_ms + clips[-1].duration_ms
    heard = heard_characters(text, heard_ms, sent_ms or 0.0)
    return Utterance("assistant", entry.item_id, clips[0].begin_ms, stop_ms, text, heard)


def _cue_text(said: Utterance) -> str:
    heard = _escaped(said.text[: said.heard_characters])
    unheard = _escaped(said.text[said.heard_characters :])
    if not unheard.strip():
        return heard
    space = " " if unheard[:1].isspace() and heard else ""
    return f"{heard}{space}<c.unheard>{unheard.strip()}</c>"


def _escaped(text: str) -> str:
    """One line: an empty one would end the cue, and an arrow would be times."""
    for character, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, name)
    return re.sub(r"[\r\n\0\u2028\u2029]+", " ", text)


def _clock(ms: float) -> str:
    seconds, left_ms = divmod(max(0, round(ms)), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{left_ms:03}"
