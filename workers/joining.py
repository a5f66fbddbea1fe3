"""Streams of different rates as one: each is converted as if it went on beyond the cut.

What one stream holds back when it ends, and what the next begins with, needs samples of the other,
which are not of its rate.  Ended and begun with silence, both would click.  So each is continued by
what it says itself of how it goes on (`workers.prediction`), backwards for what came before it; and
the samples of both lie on one grid of time, however the cut lies to it.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np

from workers.codecs import Samples
from workers.prediction import predict
from workers.resample import Resampler
from workers.stream_state import Joint, ResamplerState
from workers.tape import WIDTH, Clip

FINEST = 1 << 20
"""Parts of a sample that are told apart in what is heard."""
EXACT = 1 << 64
"""Those in which time is counted: of odd rates fractions would grow with every cut."""
NOTHING: Samples = np.zeros(0, np.float32)


def cut(resampler: Resampler, state: ResamplerState) -> tuple[Samples, Fraction]:
    """End a stream that goes on in another.

    Returns
    -------
    converted : float32, shape (m,)
        What was held back, as many samples as `Resampler.flush` gives.
    ahead_s : Fraction
        How much longer all its output plays than its input did: less than a sample.
    """
    joint = state.joint or Joint(Fraction(0), 0, begun=True)
    held, _ = resampler.flush(state)
    working = _working(resampler, joint)
    layout = working.layout
    begun = state if joint.begun else _begun(working, state)
    known = np.frombuffer(begun.pending, np.float32)
    heard = known[max(0, len(known) - begun.received) :]
    more = predict(heard, layout.delay + 1, layout.in_hz)
    converted, _ = working.run(ResamplerState(begun.pending, begun.received), more)
    played_s = Fraction(state.received, layout.in_hz)
    count = max(0, math.ceil(played_s * layout.out_hz - joint.late))
    ahead_s = (count + joint.late) / layout.out_hz - played_s
    return converted[joint.skip : joint.skip + len(held)], ahead_s


def go_on(resampler: Resampler, ahead_s: Fraction) -> ResamplerState:
    """The state of a stream behind one that was `cut`."""
    late = ahead_s * resampler.layout.out_hz
    if late.denominator > EXACT:
        late = Fraction(round(late * EXACT), EXACT)
    return ResamplerState(b"", 0, Joint(late, math.floor(late)))


class JoiningResampler(Resampler):
    """Takes streams that go on behind others, beside those that begin.

    Such a stream is one of the ordinary when it has begun and lies on the grid of time, or is
    flushed: then it costs no more than they do.
    """

    @staticmethod
    @lru_cache(maxsize=64)
    def joining(in_hz: int, out_hz: int) -> "JoiningResampler":
        """As `Resampler.between`."""
        plain = Resampler.between(in_hz, out_hz)
        return JoiningResampler(plain.layout, plain.synthesis)

    def run_all(
        self, streams: Sequence[tuple[ResamplerState, Sequence[Clip | None]]]
    ) -> tuple[Samples, list[slice], list[ResamplerState]]:
        """See `Resampler.run_all`."""
        if all(state.joint is None for state, _ in streams):
            return super().run_all(streams)
        parts: list[Samples] = [NOTHING]
        cuts: list[slice] = []
        states: list[ResamplerState] = []
        for state, clips in streams:
            after = state
            for clip in clips:
                part, after = self._step(after, clip)
                begin = cuts[-1].stop if cuts else 0
                cuts.append(slice(begin, begin + len(part)))
                parts.append(part)
            states.append(after)
        return np.concatenate(parts), cuts, states

    def _step(self, state: ResamplerState, clip: Clip | None) -> tuple[Samples, ResamplerState]:
        joint = state.joint
        if joint is None:
            return self._run_one(state, clip)
        working = _working(self, joint)
        if not joint.begun:
            more = clip or b""
            received = state.received + len(more) // WIDTH
            waiting = ResamplerState(state.pending + bytes(more), received, joint)
            if clip is not None and received < working.layout.hop:
                return NOTHING, waiting
            state = _begun(working, waiting)
            # What there is of it is complete blocks, and was never run.
            clip = b"" if clip is not None else None
        return self._run_joint(working, joint, state, clip)

    def _run_joint(
        self, working: Resampler, joint: Joint, state: ResamplerState, clip: Clip | None
    ) -> tuple[Samples, ResamplerState]:
        plain = ResamplerState(state.pending, state.received)
        if clip is None:
            converted, _ = working.flush(plain)
            whole = Fraction(state.received * working.layout.out_hz, working.layout.in_hz)
            # One less, if the last would lie behind the end.
            surplus = math.ceil(whole) - math.ceil(whole - joint.late % 1)
            return converted[joint.skip : len(converted) - surplus], self.start()
        converted, [place], [after] = working.run_all([(plain, [clip])])
        skipped = min(joint.skip, max(0, place.stop - place.start))
        skip = joint.skip - skipped
        goes_on = Joint(joint.late, skip, begun=True) if skip or joint.late % 1 else None
        after = ResamplerState(after.pending, after.received, goes_on)
        return converted[place.start + skipped : place.stop], after


def _working(resampler: Resampler, joint: Joint) -> Resampler:
    """What converts a stream that lies so."""
    layout = resampler.layout
    between = Fraction(round(joint.late % 1 * FINEST), FINEST)
    return Resampler.shifted(layout.in_hz, layout.out_hz, between) if between else resampler


def _begun(working: Resampler, waiting: ResamplerState) -> ResamplerState:
    """Put before a stream what it says came before it."""
    samples = np.frombuffer(waiting.pending, np.float32)
    # Of what is always there, so that it is the same however the stream arrives.
    first = samples[: working.layout.hop]
    before = predict(first[::-1], working.layout.overlap, working.layout.in_hz)[::-1]
    return ResamplerState(before.tobytes() + waiting.pending, waiting.received)
