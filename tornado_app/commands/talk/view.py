"""Where a talk is shown: a terminal or a pipe (`Screen`), lines of JSON, or nowhere."""

import json
from typing import Any, Protocol

from terminal.streams import write_out
from tornado_app.commands.talk.result import Answered


class View(Protocol):
    """What a talk has to say.  Each may raise `OutputLost`."""

    def transcript(self, role: str, item_id: str, text: str, *, final: bool) -> None:
        """All of an item's text so far."""

    def note(self, *sentences: str) -> None:
        """How far the talk is, or what is strange."""

    def progress(self, text: str) -> None:
        """What is true for this moment."""

    def answered(self, answer: Answered) -> None:
        """An answer has come to its end."""

    def tool(self, name: str, status: str) -> None:
        """A tool of the server runs, or has ended."""

    def saved(self, path: str, how_to_play: str) -> None:
        """The answers are in a file."""

    def prompt(self) -> None:
        """A line may be typed."""

    def prompted(self) -> None:
        """No more lines come."""

    def failed(self, *lines: str) -> None:
        """The talk cannot go on."""

    def end_line(self) -> None:
        """Nothing more comes of what is shown."""


class JsonLines:
    """One object a line on standard output, for scripts; transcripts when they are final."""

    def __init__(self) -> None:
        self._turn = 0

    def transcript(self, role: str, item_id: str, text: str, *, final: bool) -> None:
        if final:
            self._say("transcript", role=role, item_id=item_id, text=text)

    def note(self, *sentences: str) -> None:
        self._say("note", text=" ".join(sentences))

    def progress(self, text: str) -> None:
        """A script has no use for what is soon untrue."""

    def answered(self, answer: Answered) -> None:
        self._turn += 1
        self._say(
            "answer", answer=self._turn, wait=dict(answer.wait), audio_ms=round(answer.audio_ms, 1)
        )

    def tool(self, name: str, status: str) -> None:
        self._say("tool", name=name, status=status)

    def saved(self, path: str, how_to_play: str) -> None:
        self._say("saved", path=path, how_to_play=how_to_play)

    def prompt(self) -> None:
        """Nobody is asked."""

    def prompted(self) -> None:
        """Nobody was."""

    def failed(self, *lines: str) -> None:
        self._say("failed", text=" ".join(lines))

    def end_line(self) -> None:
        """Every line is whole."""

    def _say(self, event: str, **fields: Any) -> None:
        write_out(json.dumps({"event": event, **fields}) + "\n")


class Silence:
    """Of many talks at once none is shown."""

    def transcript(self, role: str, item_id: str, text: str, *, final: bool) -> None: ...

    def note(self, *sentences: str) -> None: ...

    def progress(self, text: str) -> None: ...

    def answered(self, answer: Answered) -> None: ...

    def tool(self, name: str, status: str) -> None: ...

    def saved(self, path: str, how_to_play: str) -> None: ...

    def prompt(self) -> None: ...

    def prompted(self) -> None: ...

    def failed(self, *lines: str) -> None: ...

    def end_line(self) -> None: ...
