"""Ears and voice: the models themselves."""

import asyncio
from itertools import combinations

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from local_realtime.audio import Sound
from local_realtime.responder import Answer, Turn
from local_realtime.voice import TIMBRES, UNPRONOUNCEABLE, levelled
from tests.local_realtime.wording import TEXTS, error_rate

SPOKEN = [
    "The quick brown fox jumps over the lazy dog.",
    "The weather in Paris is fine today, and it will be warm tomorrow.",
    "I can repeat what you say, count, and tell the time.",
]


def transcript_of(models, *sounds):
    async def read_all():
        return [await models.transcribe(sound) for sound in sounds]

    with asyncio.Runner() as runner:
        return runner.run(read_all())


def test_recordings_are_understood(models, speech):
    """At most 8 % of the words are wrong."""
    heard = transcript_of(models, *(Sound(speech(name), 24_000) for name in TEXTS))

    assert error_rate(list(zip(TEXTS.values(), heard, strict=True))) <= 0.08


def test_it_understands_itself(models):
    """At most 10 % of the words are wrong, over all voices."""
    spoken = [
        (text, models._mouth.say(text, voice, 1.0)[1]) for text in SPOKEN for voice in TIMBRES
    ]
    heard = transcript_of(models, *(sound for _, sound in spoken))

    assert error_rate([(text, h) for (text, _), h in zip(spoken, heard, strict=True)]) <= 0.10


def pitch_and_colour(sound):
    """The usual distance of two glottal pulses, and where half of the energy lies."""
    signal = np.frombuffer(sound.pcm, "<i2").astype(float)
    frames = [signal[start : start + 1200] for start in range(0, len(signal) - 1200, 1200)]
    loud = [frame for frame in frames if frame.std() > signal.std()]
    lags = []
    for frame in loud:
        likeness = np.correlate(frame, frame, "full")[1199:]
        lags.append(60 + int(likeness[60:400].argmax()))
    energy = np.cumsum(np.abs(np.fft.rfft(signal)) ** 2)
    return 24_000 / np.median(lags), np.searchsorted(energy, energy[-1] * 0.9) / len(
        signal
    ) * 24_000


def test_ten_voices_are_ten(models):
    """Any two differ by 4 % in pitch or by 10 % in colour."""
    found = [pitch_and_colour(models._mouth.say(SPOKEN[0], voice, 1.0)[1]) for voice in TIMBRES]
    pairs = combinations(found, 2)

    assert len(found) == 10
    assert all(abs(np.log(a[0] / b[0])) > 0.04 or abs(np.log(a[1] / b[1])) > 0.1 for a, b in pairs)


def test_the_same_words_sound_the_same(models):
    """Bit for bit; faster is shorter, and beyond the model's range nothing changes."""
    plain, again, fast, faster, fastest = (
        models._mouth.say(SPOKEN[0], "marin", speed)[1] for speed in (1.0, 1.0, 1.5, 2.0, 9.0)
    )

    assert plain == again
    assert plain.samples > fast.samples > faster.samples == fastest.samples


@pytest.mark.parametrize("text", ["\u4f60\u597d", "\U0001f642", "...", ""])
def test_what_cannot_be_pronounced_is_told(models, text):
    """The transcript says what is said."""
    spoken, sound = models._mouth.say(text, "marin", 1.0)

    assert spoken == UNPRONOUNCEABLE
    assert sound.seconds > 0.5


def test_levels_are_even():
    """Peaks are bent below full scale, and what is soft is made no more than twice as loud."""
    loud, soft = np.full(100, 3, np.float32), np.full(100, 0.001, np.float32)

    assert levelled(np.array([1, *([0.1] * 999)], np.float32)).max() < 1
    assert levelled(loud).max() == pytest.approx(0.094)
    assert levelled(soft).max() == pytest.approx(0.002)


@pytest.mark.parametrize("kind", ["silence", "noise", "tone"])
def test_nobody_speaking_is_no_words(models, kind, tone):
    """Silence, white noise and a beep, five seconds of each."""
    noise = np.random.default_rng(1).normal(0, 1000, 120_000).astype("<i2").tobytes()
    pcm = {"silence": bytes(240_000), "noise": noise, "tone": tone(5000)}[kind]

    assert transcript_of(models, Sound(pcm, 24_000)) == [""]


def test_a_long_recording_is_read_in_pieces(models, speech):
    """Over half a minute, with all its words."""
    pcm, text = b"", ""
    for name in (*TEXTS, *TEXTS, *TEXTS):
        pcm, text = pcm + speech(name), f"{text} {TEXTS[name]}"
    (heard,) = transcript_of(models, Sound(pcm, 24_000))

    assert len(pcm) > 30 * 48_000
    assert error_rate([(text, heard)]) <= 0.12


def test_what_was_read_in_a_pause_is_not_read_again(models, speech, silence):
    """The end of the turn finds it done: more silence changes nothing."""
    said = silence(300) + speech("selfish")

    async def read_twice():
        before = set(models._read_pieces)
        overheard = await models.overhear(Sound(said + silence(360), 24_000))
        whole = await models.transcribe(Sound(said + silence(500), 24_000))
        return overheard, whole, set(models._read_pieces) - before

    with asyncio.Runner() as runner:
        overheard, whole, read = runner.run(read_twice())

    assert overheard == whole
    assert len(read) == 1


@pytest.mark.parametrize("name", TEXTS)
def test_speech_is_one_turn(new_call, models, speech, silence, name):
    """Silero hears it begin and end; at any cutting, on the clock of the audio."""
    said = silence(640) + speech(name) + silence(1200)
    marks = []
    for chunk_ms in (20, 100, 5000):
        call = new_call(ears=models.ear)
        call.turn_detection({"type": "server_vad", "create_response": False})
        events = call.append(said, chunk_ms)
        marks.append([e.get("audio_start_ms", e.get("audio_end_ms")) for e in events[:2]])
        assert [e["type"].rpartition("_")[2] for e in events[:2]] == ["started", "stopped"]

    start_ms, end_ms = marks[0]
    assert marks == [marks[0]] * 3
    assert 200 < start_ms < 1000
    assert end_ms > len(said) // 48 - 1000


def test_noise_is_no_speech_to_silero(new_call, models, tone):
    """Though it is loud."""
    noise = np.random.default_rng(1).normal(0, 3000, 48_000).astype("<i2").tobytes()

    assert new_call(ears=models.ear).append(noise + tone(1000)) == []


def test_telephone_sound_is_heard(models, speech):
    """8 kHz is enough."""
    narrow = Sound(speech("amiable"), 24_000)
    samples = np.frombuffer(narrow.pcm, "<i2")[::3].tobytes()

    assert error_rate([(TEXTS["amiable"], *transcript_of(models, Sound(samples, 8_000)))]) <= 0.15


def test_text_needs_no_voice(models):
    """A written answer has no sound."""

    async def written():
        turn = Turn((), 'Greet the user with "Welcome. Come in."', is_spoken=False)
        return [piece async for piece in models.answer(turn)]

    with asyncio.Runner() as runner:
        assert runner.run(written()) == [Answer("Welcome. Come in.", Sound(b"", 24_000))]
