"""What a person sees of a talk: text screenshots at three widths, and without a terminal."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.calls.house import ROOT
from tests.commands.talk.pseudo_terminal import PseudoTerminal
from tests.commands.talk.scripted_gateway import HEARD, SAID, scripted_gateway

SCREENS = Path(__file__).parent / "screens"
AMIABLE = "tests/data/amiable.wav"
WORDS = ("--token", "t", "--fast")


def saved(name: str) -> str:
    return (SCREENS / f"{name}.txt").read_text("utf-8")


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.gen_test(timeout=150)
async def test_screens(columns):
    """While the answer comes, the last line tells of this moment; in the end words are left."""
    released, terminal = asyncio.Event(), PseudoTerminal(columns)
    async with scripted_gateway(released) as url:
        await terminal.start("talk", AMIABLE, "--text", "Thank you.", "--url", url, *WORDS)
        during = await terminal.until(lambda text: "after 535 ms" in text)
        released.set()
        code = await terminal.end()

    assert 0 == code
    assert saved(f"during-{columns}") == during
    assert saved(f"after-{columns}") == terminal.text
    assert b"\x1b[1mAnswer:" in terminal.raw


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
@pytest.mark.gen_test(timeout=150)
async def test_without_colours(environ):
    """The same words in the same places, and no colour."""
    terminal = PseudoTerminal(80)
    async with scripted_gateway() as url:
        words = ("talk", AMIABLE, "--text", "Thank you.", "--url", url, *WORDS)
        await terminal.start(*words, **environ)
        assert 0 == await terminal.end()

    assert saved("after-80") == terminal.text
    assert b"m" not in {
        part[-1:] for part in terminal.raw.split(b"\x1b[")[1:] if part[:1].isdigit()
    }
    assert b"\x1b[1m" not in terminal.raw
    assert b"\x1b[2m" not in terminal.raw


async def piped(url: str, *words: str, stdin: bytes = b"") -> tuple[int, str, str]:
    """Exit code, standard output and standard error, none of which is a terminal."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "run.py", "talk", "--url", url, "--token", "t", *words),
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith(("PARLEY_", "OPENAI_"))},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(100):
        out, err = await process.communicate(stdin)
    return process.returncode, out.decode(), err.decode()


@pytest.mark.gen_test(timeout=150)
async def test_without_a_terminal():
    """Words in whole lines to one stream, all else to the other; nothing that drives a terminal."""
    async with scripted_gateway() as url:
        code, out, err = await piped(url, AMIABLE, "--text", "Thank you.", "--fast")

    said = f"Answer: {SAID}\n"
    assert (0, f"You: {HEARD}\n{said}You: Thank you.\n{said}") == (code, out)
    assert saved("errors-of-a-pipe") == err


@pytest.mark.gen_test(timeout=150)
async def test_for_scripts():
    """One object a line, with every answer's wait; and nothing elsewhere."""
    async with scripted_gateway() as url:
        code, out, err = await piped(url, AMIABLE, "--text", "Thank you.", "--fast", "--json")
    events = [json.loads(line) for line in out.splitlines()]

    assert (0, "") == (code, err)
    assert [HEARD, SAID, "Thank you.", SAID] == [
        event["text"] for event in events if event["event"] == "transcript"
    ]
    assert [(1, 412.0, 200.0), (2, 412.0, 200.0)] == [
        (event["answer"], event["wait"]["model_ms"], event["audio_ms"])
        for event in events
        if event["event"] == "answer"
    ]
    assert 4 == sum(event["event"] == "tool" for event in events)


@pytest.mark.gen_test(timeout=150)
async def test_a_failure_for_scripts():
    """It is an event as well."""
    code, out, err = await piped("ws://127.0.0.1:9", "--text", "Hello", "--json")

    assert (1, "") == (code, err)
    assert "failed" == json.loads(out)["event"]
    assert "No gateway listens" in json.loads(out)["text"]


@pytest.mark.gen_test(timeout=150)
async def test_lines_that_are_typed():
    """Each is a turn; a person is asked for the next when the answer is there, and ends with ^D."""
    terminal = PseudoTerminal(80)
    async with scripted_gateway() as url:
        await terminal.start("talk", "--url", url, *WORDS)
        await terminal.until(lambda text: text.endswith("\n>\n"))
        terminal.type("Good morning.\n")
        await terminal.until(lambda text: text.count("\n>") == 2 and text.endswith("\n>\n"))
        terminal.type("And tomorrow?\n")
        await terminal.until(lambda text: text.count("\n>") == 3 and text.endswith("\n>\n"))
        terminal.type("\x04")
        code = await terminal.end()

    assert 0 == code
    assert saved("typed-80") == terminal.text


@pytest.mark.gen_test(timeout=150)
async def test_lines_of_a_script():
    """From a pipe they are turns as well, and nobody is asked."""
    async with scripted_gateway() as url:
        code, out, err = await piped(url, stdin="One.\n\n Two. \nÜber.".encode())

    assert 0 == code
    assert ["You: One.", "You: Two.", "You: Über."] == out.splitlines()[::2]
    assert "> " not in err


@pytest.mark.gen_test(timeout=150)
async def test_many_talks():
    """A summary in place of the words: how many, how long, how many failed."""
    async with scripted_gateway() as url:
        words = ("--text", "Hello", "--repeat", "5", "--parallel", "2")
        code, out, err = await piped(url, *words)
        assert (0, "") == (code, err)
        assert "5 talks" in out
        assert "5 answers, 0 talks failed." in out
        assert "Answered after: p50 535 ms, p90 535 ms, p99 535 ms, max 535 ms" in out
        _, out, _ = await piped(url, *words, "--json")
    told = json.loads(out)

    assert (5, 0, 412.0) == (told["talks"], told["failed"], told["wait"]["model_ms"]["p90"])


@pytest.mark.gen_test(timeout=150)
async def test_many_talks_that_fail():
    """Each reason once, with how often; and the exit code says so."""
    code, out, _ = await piped("ws://127.0.0.1:9", "--text", "Hello", "--repeat", "3")

    assert 1 == code
    assert "0 answers, 3 talks failed." in out
    assert "3 times: No gateway listens at 127.0.0.1:9." in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--repeat", "2"), "they ask nobody"),
        (("-", "--repeat", "2"), "Standard input comes once"),
        (("--text", "a", "--parallel", "2", "--save", "a.wav"), "--save keeps one talk"),
    ],
)
@pytest.mark.gen_test(timeout=150)
async def test_many_talks_that_cannot_be(words, sentence):
    """One sentence before anybody is called."""
    code, _, err = await piped("ws://127.0.0.1:9", *words)

    assert 1 == code
    assert sentence in err
