"""Which conversion a session's formats want."""

import pytest

from workers.chain import Chain
from workers.conditioned_chain import ConditionedChain, Conditioning
from workers.conversions import to_client, to_model
from workers.formats import AudioFormat, OpusFormat
from workers.opus.decoding import OpusDecodingChain
from workers.opus.encoding import OpusEncodingChain

MODEL = AudioFormat("pcm16", 24_000)
PLAIN, REPAIRED = Conditioning(), Conditioning(remove_dc=True)
FORMATS = [AudioFormat("pcm16", 48_000), AudioFormat("pcma", 8_000), OpusFormat(24_000)]


@pytest.mark.parametrize(("source", "conditioning", "kind"), [
    (FORMATS[0], PLAIN, Chain),
    (FORMATS[0], REPAIRED, ConditionedChain),
    (FORMATS[2], PLAIN, OpusDecodingChain),
    (FORMATS[2], REPAIRED, OpusDecodingChain),
])  # fmt: skip
def test_the_way_in_is_chosen_by_format_and_repairs(source, conditioning, kind):
    """No more than is asked for."""
    assert type(to_model(source, MODEL, conditioning)) is kind


@pytest.mark.parametrize("conditioning", [PLAIN, REPAIRED])
def test_what_is_decoded_is_repaired_and_sent_as_all_else(conditioning):
    """Packets of Opus end in the chain that chunks of their samples would have."""
    decoded = to_model(AudioFormat("float32", 24_000), MODEL, conditioning)

    assert decoded is to_model(OpusFormat(48_000), MODEL, conditioning).inner
    assert decoded.as_base64


@pytest.mark.parametrize("number", range(len(FORMATS)))
def test_the_way_out_is_chosen_by_format(number):
    """Packets, or chunks."""
    kind = OpusEncodingChain if number == 2 else Chain
    assert type(to_client(MODEL, FORMATS[number], as_base64=True)) is kind


@pytest.mark.parametrize("conditioning", [PLAIN, REPAIRED])
@pytest.mark.parametrize("chosen", FORMATS)
def test_sessions_of_one_format_share_a_conversion(chosen, conditioning):
    """What shares one goes through a batch together, and what does not goes alone."""
    assert to_model(chosen, MODEL, conditioning) is to_model(chosen, MODEL, conditioning)
    assert to_client(MODEL, chosen, as_base64=True) is to_client(MODEL, chosen, as_base64=True)
    assert to_client(MODEL, chosen, as_base64=True) is not (
        to_client(MODEL, chosen, as_base64=False)
    )
