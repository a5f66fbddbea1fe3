"""Which conversion a session's formats want, each way."""

from workers.chain import Chain
from workers.conditioned_chain import ConditionedChain, Conditioning
from workers.formats import AudioFormat, OpusFormat, StreamFormat
from workers.opus.decoding import OpusDecodingChain
from workers.opus.encoding import OpusEncodingChain
from workers.pool import Conversion


def to_model(source: StreamFormat, model: AudioFormat, conditioning: Conditioning) -> Conversion:
    """From a client's chunks to base64 of what the model takes."""
    if isinstance(source, OpusFormat):
        return OpusDecodingChain.to(model, True, conditioning)
    return ConditionedChain.of(source, model, True, conditioning)


def to_client(model: AudioFormat, target: StreamFormat, *, as_base64: bool) -> Conversion:
    """From what the model says to a client's chunks."""
    if isinstance(target, OpusFormat):
        return OpusEncodingChain.between(model, target, as_base64)
    return Chain.between(model, target, as_base64)
