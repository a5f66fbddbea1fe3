"""libopus, as functions from states to states."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.opus import Decoder, Encoder, likeness, tone
from workers.formats import OPUS_RATES_HZ
from workers.opus import library
from workers.opus.library import (
    Decoding,
    Encoding,
    OpusFault,
    find,
    lookahead_frames,
    new_decoder,
    new_encoder,
)
from workers.opus_packets import duration_ms

TONE = tone(24_000, 24_000)
PACKETS = Encoder().packets(TONE)


@pytest.mark.parametrize("rate_hz", OPUS_RATES_HZ)
@pytest.mark.parametrize("decoded_hz", OPUS_RATES_HZ)
def test_every_packet_decodes_at_every_rate(rate_hz, decoded_hz):
    """To the length that it says, later by what the encoder looks ahead: 6.5 ms."""
    packets = Encoder(rate_hz).packets(tone(rate_hz, rate_hz))
    heard = Decoder(decoded_hz).samples(packets)

    assert round(sum(map(duration_ms, packets)) * decoded_hz / 1000) == len(heard)
    assert decoded_hz * 6.5 / 1000 == lookahead_frames(decoded_hz)
    assert likeness(tone(decoded_hz, decoded_hz), heard, decoded_hz) > 0.95


@pytest.mark.parametrize("packet_ms", [2.5, 5, 10, 20, 40, 60, 80, 100, 120])
def test_a_packet_is_as_long_as_its_first_bytes_say(packet_ms):
    """As the encoder makes them and the decoder finds them."""
    for packet in Encoder().packets(TONE, packet_ms):
        decoding = Decoding(new_decoder(24_000, 1), 2880)
        assert packet_ms == duration_ms(packet)
        assert packet_ms * 24 == len(decoding.run(packet))


def test_a_state_that_is_copied_goes_on_as_if_it_had_not_been():
    """To the bit, both ways: a job may be tried again with the state that it was given."""
    frames = [TONE[at : at + 480] for at in range(0, 9600, 480)]
    encoder, decoder = new_encoder(24_000), new_decoder(24_000, 1)
    through, heard = [], []
    for frame in frames:
        for _ in range(2):
            encoding, decoding = Encoding(encoder), Decoding(decoder, 2880)
            packet = encoding.run(frame)
            samples = decoding.run(packet).copy()
        encoder, decoder = encoding.state, decoding.state
        through.append(packet)
        heard.append(samples)
    at_once = Encoding(new_encoder(24_000))

    assert [at_once.run(frame) for frame in frames] == through
    assert np.array_equal(Decoder().samples(through), np.concatenate(heard)[:, 0])


def test_an_empty_packet_is_not_taken_for_a_lost_one():
    """Libopus would guess what it might have been."""
    with pytest.raises(OpusFault):
        Decoding(new_decoder(24_000, 1), 2880).run(b"")


@pytest.mark.parametrize("seed", range(4))
def test_mutated_packets_are_decoded_or_refused(seed):
    """Libopus has no checksum: what can be read is sound, never longer than 120 ms, and finite."""
    rng = random.Random(seed)
    decoding = Decoding(new_decoder(24_000, 1), 2880)
    tally = {"decoded": 0, "refused": 0}
    for _ in range(2000):
        packet = bytearray(rng.choice(PACKETS))
        for _ in range(rng.randint(1, 6)):
            packet[rng.randrange(min(len(packet), rng.choice((2, 200))))] = rng.randrange(256)
        mutant = bytes(packet[: rng.randint(1, len(packet))]) + rng.randbytes(rng.choice((0, 0, 9)))
        try:
            samples = decoding.run(mutant)
        except OpusFault:
            tally["refused"] += 1
        else:
            tally["decoded"] += 1
            assert duration_ms(mutant) * 24 == len(samples)
            assert np.isfinite(samples).all()

    assert min(tally.values()) > 100
    assert np.isfinite(decoding.run(PACKETS[0])).all()


@given(st.binary(min_size=1, max_size=1500))
def test_any_bytes_are_decoded_or_refused(data):
    """And what is decoded is as long as it says."""
    try:
        samples = Decoding(new_decoder(24_000, 1), 2880).run(data)
    except OpusFault:
        return
    assert duration_ms(data) * 24 == len(samples)


def test_without_the_package_there_is_no_opus(monkeypatch):
    """And whoever asks for it all the same is told which package that is."""
    monkeypatch.setitem(__import__("sys").modules, "opuslib_next.api", None)
    find.cache_clear()
    try:
        assert find() is None
        with pytest.raises(OpusFault, match=library.PACKAGE):
            library.library()
    finally:
        monkeypatch.undo()
        find.cache_clear()
    assert find() is not None
