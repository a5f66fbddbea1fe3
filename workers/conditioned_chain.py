"""A chain that repairs what goes through it: for streams whose source is not to be trusted."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from workers import base64_text, joining, pcm
from workers.blocks import Block, Cut, Flush, Payload
from workers.chain import Chain, ChainState
from workers.clipping import count_clipped
from workers.codecs import Samples
from workers.conditioned_state import ConditionedState
from workers.conditioning import (
    Follower,
    at_value,
    limit_peaks,
    offset_decay,
    peak_decay,
    remove_dc,
    value_of,
)
from workers.formats import AudioFormat
from workers.joined_chain import JoinedChain
from workers.joining import JoiningResampler
from workers.level import levels_dbfs
from workers.pcm import BadAudio

NOTHING: Samples = np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class Conditioning:
    """What is done besides resampling."""

    remove_dc: bool = False
    limit_peaks: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ConditionedChain(Chain):
    """Repairs one stream after the other; `Chain` is for those that take all together.

    The offset goes before the resampler, peaks are held behind it, where its overshoot is.
    `Block.level_dbfs` is that of the chunk as it came.
    """

    conditioning: Conditioning

    @staticmethod
    def of(
        source: AudioFormat,
        target: AudioFormat,
        as_base64: bool,
        conditioning: Conditioning,
        *,
        joins: bool = False,
    ) -> Chain:
        """Return the chain that does no more than what is asked for.

        *joins*: streams may go on in it behind others.
        """
        if conditioning != Conditioning():
            return ConditionedChain._with(source, target, as_base64, conditioning)
        return (JoinedChain.joined if joins else Chain.between)(source, target, as_base64)

    @staticmethod
    @lru_cache(maxsize=256)
    def _with(
        source: AudioFormat, target: AudioFormat, as_base64: bool, conditioning: Conditioning
    ) -> "ConditionedChain":
        resampler = JoiningResampler.joining(source.rate_hz, target.rate_hz)
        return ConditionedChain(source, target, as_base64, resampler, conditioning)

    def start(self) -> ChainState:
        state = self.resampler.start()
        return ConditionedState(state.pending, state.received)

    @property
    def stream(self) -> Hashable:
        return self.source.rate_hz, self.target.rate_hz, self.conditioning

    def cut(self, state: ChainState) -> Cut:
        if not isinstance(state, ConditionedState):
            raise TypeError(state)
        converted, ahead_s = joining.cut(self.resampler, state)
        block, peaks = self._finished(b"", NOTHING, converted, state.peaks)
        offset = None
        if state.offset is not None:
            offset = value_of(state.offset, offset_decay(self.source.rate_hz))
        return Cut(block, ahead_s, offset, value_of(peaks, peak_decay(self.target.rate_hz)))

    def go_on(self, cut: Cut) -> ChainState:
        state = joining.go_on(self.resampler, cut.ahead_s)
        return ConditionedState(
            state.pending,
            state.received,
            state.joint,
            None if cut.offset is None else at_value(cut.offset, offset_decay(self.source.rate_hz)),
            at_value(cut.peaks, peak_decay(self.target.rate_hz)),
        )

    def run_all(
        self, streams: Sequence[tuple[ChainState, Sequence[Payload]]]
    ) -> list[tuple[list[Block | BadAudio], ChainState]]:
        results: list[tuple[list[Block | BadAudio], ChainState]] = []
        for begun, payloads in streams:
            state, outcomes = begun, list[Block | BadAudio]()
            for payload in payloads:
                outcome, state = self._run_one(state, payload)
                outcomes.append(outcome)
            results.append((outcomes, state))
        return results

    def _run_one(self, state: ChainState, payload: Payload) -> tuple[Block | BadAudio, ChainState]:
        if not isinstance(state, ConditionedState):
            raise TypeError(state)
        if isinstance(payload, Flush):
            converted, _ = self.resampler.flush(state)
            block, _ = self._finished(b"", NOTHING, converted, state.peaks)
            return block, self.start()
        [chunk], samples = pcm.decode_all([payload], self.source)
        if isinstance(chunk, BadAudio):
            return chunk, state
        cleaned, offset = samples, state.offset
        if self.conditioning.remove_dc:
            cleaned, offset = remove_dc(offset, samples, self.source.rate_hz)
        converted, after = self.resampler.run(state, cleaned)
        block, peaks = self._finished(chunk, samples, converted, state.peaks)
        return block, ConditionedState(after.pending, after.received, after.joint, offset, peaks)

    def _finished(
        self, chunk: bytes, samples: Samples, converted: Samples, peaks: Follower
    ) -> tuple[Block, Follower]:
        if self.conditioning.limit_peaks:
            converted, peaks = limit_peaks(peaks, converted, self.target.rate_hz)
        [level] = levels_dbfs(samples, [len(samples)])
        [clipped] = count_clipped(converted, [slice(len(converted))])
        audio = pcm.encode(converted, self.target.encoding)
        [text] = base64_text.encode_all([audio]) if self.as_base64 else [audio]
        return self._block(chunk, level, audio, text, clipped), peaks
