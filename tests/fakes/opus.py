"""A client's own Opus: an encoder and a decoder that go on from packet to packet."""

import numpy as np

from workers.opus.library import Decoding, Encoding, lookahead_frames, new_decoder, new_encoder


class Encoder:
    """Speech into packets, at any of Opus' rates."""

    def __init__(self, rate_hz: int = 24_000) -> None:
        self.rate_hz = rate_hz
        self._encoding = Encoding(new_encoder(rate_hz))

    def packets(self, samples: np.ndarray, packet_ms: float = 20) -> list[bytes]:
        """All of *samples*, float32; silence fills the last packet, and follows for the delay."""
        frames = int(self.rate_hz * packet_ms / 1000)
        count = -(-(len(samples) + lookahead_frames(self.rate_hz)) // frames)
        padded = np.zeros(count * frames, np.float32)
        padded[: len(samples)] = samples
        return [
            self._encoding.run(padded[at : at + frames]) for at in range(0, len(padded), frames)
        ]


class Decoder:
    """Packets into speech, as it was before the encoder delayed it."""

    def __init__(self, rate_hz: int = 24_000) -> None:
        self._decoding = Decoding(new_decoder(rate_hz, 1), rate_hz * 120 // 1000)

    def samples(self, packets: list[bytes]) -> np.ndarray:
        """float32, shape (frames,); nothing is taken off."""
        return np.concatenate([self._decoding.run(packet)[:, 0].copy() for packet in packets])


def packets_of_file(data: bytes) -> list[bytes]:
    """The packets of an Ogg Opus file without its two heads (RFC 7845, 3); none spans pages."""
    packets, at = [], 0
    while at < len(data):
        lacing = data[at + 27 : at + 27 + data[at + 26]]
        at += 27 + len(lacing)
        begin = at
        for size in lacing:
            at += size
            if size < 255:
                packets.append(data[begin:at])
                begin = at
    return packets[2:]


def tone(rate_hz: int, frames: int) -> np.ndarray:
    """300 Hz at half of full scale: every rate of Opus carries it."""
    return (0.5 * np.sin(2 * np.pi * 300 / rate_hz * np.arange(frames))).astype(np.float32)


def likeness(exact: np.ndarray, heard: np.ndarray, rate_hz: int) -> float:
    """How far *heard* is *exact*, 6.5 ms later: a correlation, the best within a third of a ms.

    Within it the encoder moves the phases of what it hears (it takes out what is below speech).
    """
    late, slack = rate_hz * 13 // 2000, max(1, rate_hz // 3000)
    frames = min(len(exact), len(heard) - late) - slack
    lags = range(late - slack, late + slack + 1)
    return max(np.corrcoef(exact[:frames], heard[lag:][:frames])[0, 1] for lag in lags)
