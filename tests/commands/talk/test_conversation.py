"""``talk`` through a whole gateway to the model on this computer, and all that can go wrong."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.calls.house import ROOT, House, whole_log
from tests.commands.talk.parley import parley
from tests.fakes.upstream import FakeUpstream
from tests.on_demand import scipy_signal
from tornado_app.admission.tokens import issue
from tornado_app.commands.talk import conversation
from tornado_app.commands.talk.address import read_address
from tornado_app.commands.talk.conversation import Wish, run
from tornado_app.commands.talk.keeper import Keeper, how_to_play
from tornado_app.commands.talk.turns import Spoken, given
from workers.recordings import open_recording

AMIABLE = ROOT / "tests" / "data" / "amiable.wav"
LEISURE = ROOT / "tests" / "data" / "leisure.wav"
RATES_HZ = (8_000, 16_000, 44_100, 48_000)
ANSWER_HZ = 24_000


async def talk_to(house: House | None, path: Path = AMIABLE, **changes) -> int:
    """Talk to *house*, and close what that took."""
    values = {"url": None, "token": None, "save": None, "fast": True, "chunk_ms": None} | changes
    with contextlib.ExitStack() as stack:
        recording = stack.enter_context(contextlib.closing(open_recording(path)))
        address = read_address(values["url"] or house.url, recording.rate_hz)
        keeper = None
        if values["save"]:
            keeper = stack.enter_context(Keeper(str(values["save"]), address.target.rate_hz))
        wish = Wish(
            turns=given([Spoken(recording)]),
            address=address,
            token=values["token"] or house.token(),
            keeper=keeper,
            is_fast=values["fast"],
            chunk_ms=values["chunk_ms"],
        )
        return await run(wish)


@pytest.fixture
def said(capsys):
    """What was printed, answers first, in one line."""
    with whole_log():
        yield lambda: " ".join("".join(capsys.readouterr()).split())


@pytest.fixture
def short(tmp_path):
    """A quarter of a second of noise at 16 kHz."""
    path = tmp_path / "short.wav"
    noise = np.random.default_rng(1).normal(0, 3000, 4000).astype("<i2")
    soundfile.write(path, noise, 16_000)
    return path


class TestWordsAlone:
    """A call that only transcribes is over when the words are there."""

    @pytest.mark.parametrize("query", ["", "&turn_detection=server_vad"], ids=["commit", "vad"])
    @pytest.mark.gen_test
    async def test_the_talk_ends_with_them(self, said, query):
        """No answer is waited for, whoever ends the turn."""
        async with FakeUpstream() as fake, House(fake.url) as house:
            heard = {"item_id": "u1", "content_index": 0, "transcript": "He might."}
            kind = "conversation.item.input_audio_transcription.completed"
            fake.answers["input_audio_buffer.commit"] = lambda _: [
                {"type": "input_audio_buffer.committed", "item_id": "u1"},
                {"type": kind, **heard},
            ]
            url = f"{house.url}?session=transcription{query}"
            assert 0 == await talk_to(house, url=url)
        assert "He might." in said()


class TestWhatComesBack:
    """The promise of the whole: what is said arrives, unbroken, whatever its rate and pieces."""

    @pytest.mark.parametrize("chunk_ms", [5, 20, 33, 100])
    @pytest.mark.gen_test
    async def test_the_answer_is_the_recording(self, tmp_path, chunk_ms):
        """At each rate: as long, the same wave, no gap, and no click where chunks were joined."""
        copies = {rate_hz: copy_at(rate_hz, tmp_path) for rate_hz in RATES_HZ}
        saved = {rate_hz: tmp_path / f"answer-{rate_hz}.wav" for rate_hz in RATES_HZ}
        async with parley() as house:
            codes = await asyncio.gather(
                *(
                    talk_to(house, copies[rate], save=saved[rate], chunk_ms=chunk_ms)
                    for rate in RATES_HZ
                )
            )

        assert [0] * len(RATES_HZ) == codes
        for rate_hz in RATES_HZ:
            expected = at_answer_rate(copies[rate_hz])
            answer, answer_hz = soundfile.read(saved[rate_hz])
            assert ANSWER_HZ == answer_hz
            check_same(expected, answer, band_hz=0.38 * min(rate_hz, ANSWER_HZ))

    @pytest.mark.gen_test
    async def test_a_chunk_of_the_widest_format_fits_in_a_message(self, tmp_path, said, short):
        """Of 100 ms it would have 614 KB, and a gateway takes 262."""
        async with parley() as house:
            wide = f"{house.url}?input_format=float32&input_channels=8&input_rate=192000"
            assert 0 == await talk_to(house, short, url=wide)

        assert "Spoke 0.25 s" in said()


def copy_at(rate_hz: int, folder: Path) -> Path:
    """The recording (16 kHz) at another rate, of 16 bits like the original."""
    samples, source_hz = soundfile.read(AMIABLE)
    path = folder / f"amiable-{rate_hz}.wav"
    divisor = np.gcd(rate_hz, source_hz)
    soundfile.write(
        path,
        scipy_signal().resample_poly(samples, rate_hz // divisor, source_hz // divisor),
        rate_hz,
    )
    return path


def at_answer_rate(path: Path) -> np.ndarray:
    """By one transform of the whole: as sharp as can be."""
    samples, rate_hz = soundfile.read(path)
    return scipy_signal().resample(samples, round(len(samples) * ANSWER_HZ / rate_hz))


def check_same(expected: np.ndarray, answer: np.ndarray, band_hz: float) -> None:
    """*answer* is *expected*, up to 5 ms of delay and what the filters leave above *band_hz*."""
    tolerance = ANSWER_HZ * 5 // 1000
    assert abs(len(expected) - len(answer)) <= tolerance
    size = min(len(expected), len(answer))
    expected, answer = expected[:size], answer[:size]

    similarity = scipy_signal().correlate(expected, answer, method="fft")
    delay = int(np.argmax(similarity)) - (size - 1)
    assert abs(delay) <= tolerance
    aligned = np.roll(answer, delay)[tolerance:-tolerance]
    expected = expected[tolerance:-tolerance]
    assert np.corrcoef(expected, aligned)[0, 1] >= 0.995

    # A piece that is missing, doubled or faded shows in its own 10 ms even if the whole is alike.
    low = scipy_signal().butter(8, band_hz, fs=ANSWER_HZ, output="sos")
    wave, error = (
        frames(scipy_signal().sosfiltfilt(low, x)) for x in (expected, expected - aligned)
    )
    loud = rms(wave) > 0.005
    assert (rms(error)[loud] / rms(wave)[loud]).max() < 0.1

    # A click is a jump of the slope.
    assert bend(aligned) <= 1.5 * bend(expected)


def frames(samples: np.ndarray) -> np.ndarray:
    """10 ms in a row."""
    size = ANSWER_HZ // 100
    return samples[: len(samples) // size * size].reshape(-1, size)


def rms(rows: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(rows**2, axis=1))


def bend(samples: np.ndarray) -> float:
    return float(np.abs(np.diff(samples, 2)).max())


class TestWhatIsShown:
    @pytest.mark.gen_test
    async def test_a_talk(self, short, tmp_path, said):
        """Progress, both transcripts, the length of the answer and where it went."""
        saved = tmp_path / "answer.flac"
        async with parley() as house:
            code = await talk_to(house, short, save=saved)

        out = said()
        assert 0 == code
        for words in (
            "Connecting to the model ... Connected (local model).",
            "Spoke 0.25 s of",
            "You: (0.2 s of speech, not transcribed: echo mode)",
            "Answer: (echo of 0.2 s of audio)",
            "The answer is 0.25 s long.",
            f"Saved to {saved}. To hear it: {how_to_play(str(saved))}",
        ):
            assert words in out
        assert 0.25 == pytest.approx(soundfile.info(saved).duration, abs=0.005)

    @pytest.mark.gen_test
    async def test_without_transcripts_of_the_user(self, short, said, monkeypatch):
        """A gateway that transcribes nothing is no fault: the answer is enough."""
        monkeypatch.setattr(conversation, "TRANSCRIPT_TIMEOUT_S", 0.1)
        async with parley(session_transcription_model="") as house:
            code = await talk_to(house, short)

        assert 0 == code
        assert "Answer: (echo" in (out := said())
        assert "You:" not in out

    @pytest.mark.gen_test
    async def test_in_real_time(self, short):
        """Unless it shall be fast, it takes as long to speak as a person."""
        async with parley() as house:
            begin = time.monotonic()
            code = await talk_to(house, short, fast=False)
            took_s = time.monotonic() - begin

        assert 0 == code
        assert took_s >= 0.25

    @pytest.mark.gen_test
    @pytest.mark.parametrize(
        ("query", "rate_hz"),
        [
            ("voice=cedar&unknown=1", 24_000),
            ("input_format=float32&input_rate=48000&input_channels=2", 24_000),
            ("output_format=pcmu", 8_000),
            ("output_format=pcma&output_rate=16000&output_encoding=binary", 16_000),
            ("output_format=float32&output_rate=44100&output_encoding=binary", 44_100),
            ("input_format=pcmu&output_rate=8000&output_encoding=base64", 8_000),
        ],
    )
    @pytest.mark.gen_test
    async def test_the_query_of_the_address_counts(self, tmp_path, query, rate_hz):
        """What the address asks for is sent, received and saved, and sounds the same."""
        saved = tmp_path / "answer.wav"
        async with parley() as house:
            code = await talk_to(house, save=saved, url=f"{house.url}?{query}")
        expected, _ = soundfile.read(AMIABLE)
        answer, answer_hz = soundfile.read(saved)
        both = [scipy_signal().resample(x, len(expected) // 4) for x in (expected, answer)]

        assert (0, rate_hz) == (code, answer_hz)
        assert np.corrcoef(*both)[0, 1] > 0.9

    @pytest.mark.gen_test
    async def test_parameters_that_nobody_knows(self, short, said):
        """A misspelt one is not passed over."""
        async with parley() as house:
            await talk_to(house, short, url=f"{house.url}?voic=cedar")

        assert "The gateway knows no parameter voic of --url." in said()

    @pytest.mark.parametrize("turn_detection", ["server_vad", "semantic_vad"])
    @pytest.mark.gen_test
    async def test_turns_that_the_model_ends(self, turn_detection, said):
        """The answer to the last of them is the end, whoever has committed it."""
        async with parley(session_turn_detections=["server_vad", "semantic_vad"]) as house:
            code = await talk_to(house, url=f"{house.url}?turn_detection={turn_detection}")

        assert 0 == code
        assert "Answer: (echo" in said()


class TestWhatGoesWrong:
    """Each gives exit code 1, one sentence and no traceback."""

    @pytest.mark.gen_test
    async def test_a_token_of_somebody_else(self, short, said):
        """The gateway's own sentence is shown."""
        async with parley() as house:
            rules = talk_rules(house)
            token = issue("alice", rules, time.time(), 60)
            code = await talk_to(house, short, token=token)

        assert 1 == code
        sentence = "The gateway refused: The token was made with another secret than this server's;"
        assert (out := said()).startswith(sentence)
        assert token not in out

    @pytest.mark.gen_test
    async def test_a_parameter_that_the_gateway_refuses(self, short, said):
        """It says what is allowed."""
        async with parley() as house:
            code = await talk_to(house, short, url=f"{house.url}?input_rate=1")

        sentence = "The gateway refused: input_rate must be an integer from 8000 to 192000."
        assert (1, sentence) == (code, said())

    @pytest.mark.gen_test
    async def test_too_little_to_answer(self, tmp_path, said):
        """A turn of under 100 ms is refused by the gateway, in its own words."""
        soundfile.write(tmp_path / "tick.wav", np.ones(800, "<i2"), 16_000)
        async with parley() as house:
            code = await talk_to(house, tmp_path / "tick.wav")

        assert 1 == code
        assert "too little audio to commit" in said()

    @pytest.mark.gen_test
    async def test_a_model_that_is_not_there(self, short, said):
        """The gateway's error is shown, not its close code."""
        async with (
            FakeUpstream(handshake=401) as upstream,
            House(upstream.url) as house,
        ):
            code = await talk_to(house, short)

        assert 1 == code
        assert "The model refused this session." in said()

    @pytest.mark.gen_test
    async def test_an_answer_that_fails(self, short, said):
        """The model's reason is shown, though it comes after the answer's end."""
        async with parley(fault="response-failed=insufficient-quota") as house:
            code = await talk_to(house, short)

        assert 1 == code
        assert "The model failed to answer (insufficient_quota)." in said()

    @pytest.mark.gen_test
    async def test_a_model_that_is_lost_while_it_answers(self, short, capsys):
        """What has become of the connection is on a line of its own, and the answer goes on."""
        moment = "response.output_audio_transcript.delta"
        with whole_log():
            async with parley(fault=f"first-connections=1,drop@{moment}") as house:
                code = await talk_to(house, short)
            printed = capsys.readouterr()

        assert 0 == code
        assert "The model was lost; connecting again ..." in printed.err.splitlines()
        assert "Answer: " in printed.out

    @pytest.mark.gen_test
    async def test_a_model_that_is_lost_for_good(self, short, capsys):
        """Where nothing is kept of the call, no reason is known, and the talk has failed."""
        moment = "response.output_audio_transcript.delta"
        with whole_log():
            faults = {"fault": f"first-connections=1,drop@{moment}"}
            async with parley(**faults, session_ledger_entries=0) as house:
                code = await talk_to(house, short)
            lines = capsys.readouterr().err.splitlines()

        assert 1 == code
        assert "The model failed to answer." in lines
        assert "The model was lost; connecting again ..." in lines

    @pytest.mark.parametrize(
        ("backlog", "words"),
        [("push_back", "Nothing was lost; what you send now is"), ("refuse", "were not taken")],
    )
    @pytest.mark.gen_test
    async def test_a_gateway_that_takes_less(self, tmp_path, said, backlog, words):
        """It says so, and the talk goes on, slower: that is no end."""
        soundfile.write(tmp_path / "long.wav", np.ones(80_000, "<i2"), 8_000)
        limits = {"limits_audio_rate": 4, "limits_audio_burst_ms": 1000, "audio_backlog": backlog}
        async with parley(**limits) as house:
            code = await talk_to(house, tmp_path / "long.wav")

        assert 0 == code
        assert words in (out := said())
        assert "Answer: (echo" in out

    @pytest.mark.gen_test
    async def test_a_call_that_has_its_time(self, said):
        """It is told before, in words."""
        async with parley(session_max_call_s=3, session_call_grace_s=0) as house:
            code = await talk_to(house, LEISURE, fast=False)

        assert 1 == code
        assert re.search(r"The call may last [12] s more\.", out := said())
        assert re.search(r"The call has lasted 3(\.0)? s, which is as long as it may\.", out)

    @pytest.mark.gen_test
    async def test_a_gateway_that_goes_away(self, said):
        """In the middle of a sentence."""
        async with parley() as house:
            talking = asyncio.ensure_future(talk_to(house, fast=False))
            while not house.gateway.connections:
                await asyncio.sleep(0.005)
            house.gateway.drain(0.3)
            code = await talking

        assert 1 == code
        assert "The gateway closed the call (1001 going_away)." in said()


def talk_rules(house: House):
    """The house's rules with another key."""
    return type(house.rules)(
        key=b"another-key-of-thirty-two-bytes-or-more",
        algorithms=house.rules.algorithms,
        leeway_s=house.rules.leeway_s,
        max_lifetime_s=house.rules.max_lifetime_s,
    )


WITHOUT_SPEECH = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"onnxruntime", "hibari", "moonshine_voice"}:
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Missing())
"""


def talk_to_a_gateway(folder: Path) -> tuple[str, str, Path]:
    """``make run`` and ``talk``, as a user has them: what both say, and the saved answer."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PARLEY_", "OPENAI_"))}
    environ |= {"PARLEY_SERVER_STATE_DIR": str(folder), "PYTHONPATH": str(folder), "COLUMNS": "200"}
    start = {"cwd": ROOT, "env": environ, "stdout": subprocess.PIPE, "text": True}
    command, saved = [sys.executable, "run.py"], folder / "answer.wav"
    with (folder / "errors").open("w+") as errors:
        with subprocess.Popen([*command, "--port", "0"], **start, stderr=errors) as gateway:
            try:
                url = gateway.stdout.readline().split()[-1]
                talk_ = ["talk", str(AMIABLE), "--fast", "--url", url, "--save", str(saved)]
                told = subprocess.run(
                    [*command, *talk_], check=True, timeout=30, **start, stderr=errors
                ).stdout
            finally:
                gateway.terminate()
        errors.seek(0)
        return told, errors.read(), saved


def test_the_gateway_hears_and_speaks_unless_told_otherwise(tmp_path):
    """What was said is understood, and the answer is spoken."""
    pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
    pytest.importorskip("hibari", reason="the packages of speech are not installed")
    told, errors, saved = talk_to_a_gateway(tmp_path)

    assert "You: He might even have been made amiable himself" in told
    assert "Answer: I heard you say: He might even have been made amiable himself" in told
    assert soundfile.info(saved).duration > 2
    assert "Speech is not available" not in errors


def test_without_the_packages_of_speech_it_echoes(tmp_path):
    """The gateway starts all the same, with one line that says so."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_SPEECH)
    told, errors, saved = talk_to_a_gateway(tmp_path)

    [line] = [line for line in errors.splitlines() if "Speech" in line]
    assert re.fullmatch(
        r"Speech is not available: No module named '\w+'\. What is said is played back instead\.",
        line,
    )
    assert "Traceback" not in errors
    assert "Answer: (echo of 3.3 s of audio)" in told
    assert (
        pytest.approx(soundfile.info(AMIABLE).duration, abs=0.01) == soundfile.info(saved).duration
    )
