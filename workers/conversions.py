"""Which conversion a session's formats want, each way."""

from workers.chain import Chain
from workers.changing import Joinable
from workers.conditioned_chain import ConditionedChain, Conditioning
from workers.formats import AudioFormat, OpusFormat, StreamFormat
from workers.joined_chain import JoinedChain
from workers.opus.decoding import OpusDecodingChain
from workers.opus.encoding import OpusEncodingChain


def to_model(
    source: StreamFormat, model: AudioFormat, conditioning: Conditioning, *, joins: bool = False
) -> Joinable:
    """From a client's chunks to base64 of what the model takes.

    *joins*: a stream may go on in it behind another; only there `Joinable.go_on` may be asked.
    """
    if isinstance(source, OpusFormat):
        return OpusDecodingChain.to(model, True, conditioning, joins=joins)
    return ConditionedChain.of(source, model, True, conditioning, joins=joins)


def to_client(
    model: AudioFormat, target: StreamFormat, *, as_base64: bool, joins: bool = False
) -> Joinable:
    """From what the model says to a client's chunks; *joins* as of `to_model`."""
    if isinstance(target, OpusFormat):
        return OpusEncodingChain.between(model, target, as_base64, joins=joins)
    return (JoinedChain.joined if joins else Chain.between)(model, target, as_base64)
