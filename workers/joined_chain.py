"""A chain for streams that go on behind others, beside those that begin."""

from collections.abc import Sequence
from functools import lru_cache

from workers.blocks import Block, Payload
from workers.chain import Chain, ChainState
from workers.formats import AudioFormat
from workers.joining import JoiningResampler
from workers.pcm import BadAudio


class JoinedChain(Chain):
    """As `Chain`; a stream that lies between the samples of its target is converted, even if the
    formats are equal.
    """

    @staticmethod
    @lru_cache(maxsize=256)
    def joined(source: AudioFormat, target: AudioFormat, as_base64: bool) -> "JoinedChain":
        """As `Chain.between`."""
        plain = Chain.between(source, target, as_base64)
        resampler = JoiningResampler.joining(source.rate_hz, target.rate_hz)
        return JoinedChain(plain.source, plain.target, as_base64, resampler)

    def run_all(
        self, streams: Sequence[tuple[ChainState, Sequence[Payload]]]
    ) -> list[tuple[list[Block | BadAudio], ChainState]]:
        """See `Chain.run_all`."""
        if all(state.joint is None for state, _ in streams):
            return super().run_all(streams)
        return self._run_each(streams)

    @property
    def _passes(self) -> bool:
        return False
