"""What a test does with a page that calls, and what it asks it."""

import re
import wave
from base64 import b64decode, b64encode

import numpy as np

from tests.on_demand import scipy_signal
from tests.web.stage import SPEECH

SENTENCE = "He might even have been made amiable himself"
PLAYED_HZ = 44_100
SENT_HZ = 24_000


def start(page, **options):
    page.evaluate("options => start(options)", options)


def start_with_voice(page, **options):
    """A call whose microphone is `speak`."""
    page.evaluate("options => start({ microphone: microphone(16000), ...options })", options)


def speech() -> str:
    with wave.open(str(SPEECH)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return b64encode((samples / 32768).astype("<f4").tobytes()).decode()


def speak(page):
    page.evaluate("sound => speak(sound)", speech())


def events(page, name):
    return page.evaluate("name => events(name)", name)


def words(text):
    return re.findall(r"[a-z']+", text.lower())


def final_words(page, role):
    return [e["text"] for e in events(page, "transcript") if e["role"] == role and e["final"]]


def sound_of(page, item_id):
    """What came of an item."""
    return samples_of(page.evaluate("id => soundOf(id)", item_id))


def samples_of(sound):
    return np.frombuffer(b64decode(sound), "<f4").astype(float)


def played(page):
    """What was heard, at the rate of what is sent, and the frame at which it begins."""
    heard = page.evaluate("played()")
    samples = scipy_signal().resample_poly(
        samples_of(heard["sound"]), SENT_HZ // 300, PLAYED_HZ // 300
    )
    return samples, heard["frame"]
