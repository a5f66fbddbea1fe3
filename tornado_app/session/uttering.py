"""What comes behind the audio of an answer, when it is its turn: words, and messages."""

from tornado_app.protocol.told import ResponseDone
from tornado_app.session.actions import Actions
from tornado_app.session.transcripts import Transcripts
from tornado_app.session.waiting import Counted, Due, End, Over, Said, Whole, Words


class Uttering:
    """Thread: loop."""

    def __init__(self, actions: Actions, transcripts: Transcripts) -> None:
        self._actions = actions
        self._transcripts = transcripts

    def say_before(self, said: Said | End) -> bool:
        """Say one text that *said* must not overtake; False if there is none."""
        match said:
            case Over(role):
                return self._transcripts.finish_one(role)
            case ResponseDone() | Counted():
                return self._transcripts.say_one()
            case _:
                return False

    def utter(self, said: Said) -> None:
        """It is its turn."""
        match said:
            case Words(key, deltas):
                self._transcripts.add(key, deltas)
            case Whole(key, text):
                self._transcripts.finish(key, text)
            case Due():
                self._transcripts.say_due()
            case Over(role):
                self._transcripts.finish_all(role)
            case ResponseDone():
                self._transcripts.say_all()
                self._actions.say(said)
            case Counted(message):
                self._transcripts.say_all()
                self._actions.say(message)
            case _:
                self._actions.say(said)
