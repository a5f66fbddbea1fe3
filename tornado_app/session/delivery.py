"""What goes of an answer, in order: straight to the client, or by way of the pool.

    piece -+-----------------------> client   (the model's own format)
           +-> pool -> in the pool -> client   (another)

What comes behind a piece that is in the pool waits for it; so does a change of the format.
"""

from collections import deque
from collections.abc import Callable
from functools import partial

from tornado_app.errors import Refused
from tornado_app.policy.formats import CallFormats
from tornado_app.session.actions import Actions
from tornado_app.session.commands import (
    ChangeDownlink,
    ConvertDownlink,
    FlushDownlink,
    ResetDownlink,
)
from tornado_app.session.events import Converted, Unusable
from tornado_app.session.output import Output
from tornado_app.session.pieces import Sound
from tornado_app.session.uttering import Uttering
from tornado_app.session.waiting import End, InPool, Said

PIECES_AHEAD = 2
"""So many may be in the pool before more goes there: a quarter of the client's queue at most."""
BEHIND_POOL = 64
"""So many messages may wait behind what is in the pool: they all go when it is back."""
NO_ITEM = ("", "")


class Delivery:
    """Has all go in the order in which it is given.  Thread: loop."""

    __slots__ = (
        "_actions",
        "_behind_pool",
        "_output",
        "_sent_of",
        "_uttering",
        "in_pool",
        "in_pool_bytes",
    )

    def __init__(self, actions: Actions, output: Output, uttering: Uttering) -> None:
        self._actions = actions
        self._output = output
        self._uttering = uttering
        self.in_pool: deque[InPool | Said] = deque()
        """What is there, and what is said behind it; never another, as others look into it."""
        self.in_pool_bytes = 0
        self._sent_of = NO_ITEM
        """The item of which pieces have gone, and not yet the end."""
        self._behind_pool: deque[Callable[[], None]] = deque()
        """What is done when the pool has answered all; until then nothing more goes there."""

    @property
    def pool_has_room(self) -> bool:
        """More may go there, or behind what is there."""
        return (
            not self._behind_pool
            and self.in_pool_bytes < PIECES_AHEAD * self._output.piece_bytes
            and len(self.in_pool) < BEHIND_POOL
        )

    def send(self, sound: Sound) -> None:
        """The next piece of it."""
        self._sent_of = (sound.item_id, sound.response_id)
        if self._output.passes_through:
            self._output.send(sound)
            return
        pcm = sound.take(self._output.piece_bytes)
        self.in_pool.append(InPool(sound.item_id, sound.response_id, len(pcm)))
        self.in_pool_bytes += len(pcm)
        self._actions.do(ConvertDownlink(pcm))

    def end_item(self, end: End) -> None:
        """All of its pieces have gone."""
        self._sent_of = NO_ITEM
        if self._output.passes_through:
            return
        self.in_pool.append(InPool(end.item_id, end.response_id, 0))
        self._actions.do(FlushDownlink())
        if self._output.will_pass:
            self._behind_pool.append(self._output.pass_through)

    def follow(self, said: Said) -> None:
        """Behind the audio that is in the pool."""
        if self.in_pool:
            self.in_pool.append(said)
        else:
            self._uttering.utter(said)

    def ready(self, result: Converted | Unusable) -> None:
        """The pool has answered the oldest."""
        place = self.in_pool.popleft()
        assert isinstance(place, InPool)  # noqa: S101  nothing else is left in front
        self.in_pool_bytes -= place.size_bytes
        if isinstance(result, Unusable):
            sentence = "A piece of the answer could not be converted and is missing."
            self._actions.refuse(Refused("internal", sentence))
        else:
            self._output.send_converted(place, result)
        while self.in_pool and not isinstance(self.in_pool[0], InPool):
            entry = self.in_pool.popleft()
            assert not isinstance(entry, InPool)  # noqa: S101  tells the type checker
            self._uttering.utter(entry)
        if self._behind_pool:
            self._settle()

    def change(self, formats: CallFormats, done: Callable[[], None]) -> None:
        """As of `Downlink.change`."""
        self._behind_pool.append(partial(self._change, formats, done))
        self._settle()

    def drop(self) -> None:
        """What is in the pool does not go."""
        self._actions.do(ResetDownlink())
        self.in_pool.clear()
        self.in_pool_bytes, self._sent_of = 0, NO_ITEM
        self._output.pass_through()
        self._settle()

    def forget(self) -> None:
        """The session ends, and nothing goes any more."""
        self.in_pool.clear()
        self.in_pool_bytes = 0
        self._behind_pool.clear()

    def _settle(self) -> None:
        while self._behind_pool and not self.in_pool:
            self._behind_pool.popleft()()

    def _change(self, formats: CallFormats, done: Callable[[], None]) -> None:
        """The pool has nothing: have it change, and go on when it has."""
        has_begun = self._sent_of != NO_ITEM
        as_base64 = formats.output_encoding == "base64"
        self._actions.do(ChangeDownlink(formats.target, as_base64, has_begun))
        self.in_pool.append(InPool(*self._sent_of, 0))

        def changed() -> None:
            self._output.change(formats, has_begun=self._sent_of != NO_ITEM)
            done()

        self._behind_pool.appendleft(changed)
