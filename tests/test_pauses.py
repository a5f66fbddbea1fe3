"""Whenever nothing waits, nothing is paused: writer, connection, lanes and link, in every order."""

import os

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.fakes.stage import OUTBOUND_BYTES, Stage
from tornado_app.protocol import asked
from tornado_app.running_calls import LOOK_S
from tornado_app.session import events
from workers.formats import AudioFormat

EXAMPLES = int(os.environ.get("PAUSES_EXAMPLES", "25"))
"""How many calls of each kind are made up; CONTRIBUTING.md tells of the long run."""
TARGETS = {
    "as it comes": {},
    "converted": {"passes_through": False, "target": AudioFormat("pcm16", 8000, 1)},
    "grown": {"passes_through": False, "target": AudioFormat("float32", 96_000, 1)},
    "binary": {"passes_through": False, "binary_output": True},
}
DELTA_BYTES = st.sampled_from([80, 4_000, 32_000, OUTBOUND_BYTES // 2 + 1000])
DELTAS = st.sampled_from([1, 3, 10, 33])
ROOM_BYTES = st.sampled_from([10_000, 10 * OUTBOUND_BYTES])
"""What a client's socket takes: little, or all at once."""
CALL_BYTES = st.sampled_from([50_000, 8 << 20])
"""What may be kept of a call: so little that it is held back for that, or enough."""
READ_BYTES = st.sampled_from([1000, 20_000, OUTBOUND_BYTES])
CHUNK_MS = st.sampled_from([20, 100, 400])
ASKED = (
    asked.CommitAudio(),
    asked.ClearAudio(),
    asked.Interrupt(),
    asked.Text("?"),
    asked.Ping("behind all that"),
)
SAID = st.sampled_from([events.ClientFile("AAAA", "wav"), *map(events.ClientSaid, ASKED)])
POLICIES = st.sampled_from(["push_back", "refuse", "drop_oldest"])


class Calls(RuleBasedStateMachine):
    """One call after the other, with everything that can make somebody wait."""

    @initialize(
        output=st.sampled_from(sorted(TARGETS)),
        policy=POLICIES,
        room_bytes=ROOM_BYTES,
        gather_s=st.sampled_from([0.0, 0.05]),
        call_bytes=CALL_BYTES,
    )
    def open(
        self, output: str, policy: str, room_bytes: int, gather_s: float, call_bytes: int
    ) -> None:
        self.opened = Stage.opened(
            room_bytes,
            gather_s,
            backlog=policy,
            turn_detection="none",
            call_bytes=call_bytes,
            **TARGETS[output],
        )
        self.stage = self.opened.__enter__()

    @rule(delta_bytes=DELTA_BYTES, count=DELTAS, is_heard=st.booleans())
    def model_answers(self, delta_bytes: int, count: int, is_heard: bool) -> None:
        self.stage.answer(delta_bytes, min(count, OUTBOUND_BYTES // delta_bytes + 1))
        if is_heard:
            self.stage.settle()

    @rule(chunk_ms=CHUNK_MS, count=st.sampled_from([1, 3, 8]))
    def client_speaks(self, chunk_ms: int, count: int) -> None:
        if not self.stage.client.is_paused:
            for _ in range(count):  # of one read
                self.stage.feed(events.ClientAudio(bytes(48 * chunk_ms)))

    @rule(said=SAID)
    def client_says(self, said: events.Event) -> None:
        self.stage.feed(said)

    @rule(size_bytes=READ_BYTES, is_client=st.booleans())
    def somebody_reads(self, size_bytes: int, is_client: bool) -> None:
        if is_client:
            self.stage.client.read(size_bytes)
        elif self.stage.link is not None:
            end = self.stage.link.wire.end
            end.untaken_bytes = max(0, end.untaken_bytes - size_bytes)

    @rule(who=st.sampled_from(["pool", "helper", "loop", "link", "all", "all with both ends"]))
    def somebody_turns(self, who: str) -> None:
        match who:
            case "pool":
                self.stage.pool.finish()
            case "helper":
                self.stage.files.finish()
            case "loop":
                self.stage.loop.run()
            case "link" if self.stage.link is not None:
                self.stage.link.turn()
            case "all":
                self.stage.settle()
            case "all with both ends":
                self.stage.serve()

    @rule(seconds=st.sampled_from([0.001, 0.05, 0.2, 1.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.stage.wait(seconds)

    @rule(who=st.sampled_from(["model", "model", "client", "next client"]))
    def somebody_goes_or_comes(self, who: str) -> None:
        if who == "client" or (who == "next client" and self.stage.connection.ended):
            self.stage.feed(events.ClientGone(None))
            self.stage.call()
        elif self.stage.connection._session._model.state != "connected":
            self.stage.model_comes()
        elif self.stage.link is not None:
            self.stage.link.wire.end.is_lost = True

    def teardown(self) -> None:
        if not hasattr(self, "stage"):
            return
        try:
            self.all_goes_on()
        finally:
            self.opened.__exit__(None, None, None)

    def all_goes_on(self) -> None:
        """When everybody takes what there is and time goes by, nothing is left waiting."""
        for _ in range(200):
            self.stage.serve()
            if self.stage.connection.ended or not (self.stage.waiting() or self.paused()):
                return
            self.pass_time()
        raise AssertionError(f"waiting: {self.stage.waiting()}, paused: {self.paused()}")

    def pass_time(self) -> None:
        self.stage.wait(0.25)
        if self.stage.connection._session._model.state != "connected":
            self.stage.model_comes()

    def paused(self) -> list[str]:
        return [] if self.stage.connection.ended else self.stage.paused()


class Told(Calls):
    """Nobody looks once a second, and no word is lost: being told is enough, and at once."""

    @invariant()
    def nothing_is_paused_when_nothing_waits(self) -> None:
        if hasattr(self, "stage") and not self.stage.waiting():
            assert [] == self.paused()
            assert [] == self.stage.faults()


class Untold(Calls):
    """Any word may be lost: a look makes up for it."""

    @rule(room=st.booleans(), drained=st.booleans(), wakes=st.booleans())
    def words_get_lost(self, room: bool, drained: bool, wakes: bool) -> None:
        self.stage.lose_room, self.stage.lose_drained = room, drained
        for link in self.stage._links:
            link.wire.lose_wakes = wakes

    def pass_time(self) -> None:
        super().pass_time()
        if int(self.stage.loop.now * 4) % int(4 * LOOK_S) == 0:
            self.stage.connection.look()

    def all_goes_on(self) -> None:
        self.words_get_lost(room=True, drained=True, wakes=False)  # a word, not all of them
        super().all_goes_on()
        assert set(self.stage.faults()) <= {"link_stuck"}


@pytest.mark.parametrize("machine", [Told, Untold])
def test_whenever_nothing_waits_nothing_is_paused(machine: type[Calls]) -> None:
    """In every order of answers, speech, reading, conversion, loss and silence."""
    run_state_machine_as_test(machine, settings=settings(deadline=None, max_examples=EXAMPLES))
