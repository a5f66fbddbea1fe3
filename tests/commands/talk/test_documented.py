"""Every command of docs/clients.md, run as it stands there against a gateway of the settings."""

import asyncio
import json
import os
import re
import shlex
import sys

import pytest
import soundfile

from tests.calls.house import ROOT, SECRET
from tests.commands.talk.parley import parley

PAGE = (ROOT / "docs" / "clients.md").read_text("utf-8")
CHAPTER = PAGE.partition("\n## The command line\n")[2]
EXAMPLES = re.search(r"```sh\n(.*?)```", CHAPTER, re.DOTALL)[1].splitlines()
[FROM_A_PIPE] = re.findall(r"`(arecord .*?)`", CHAPTER)


async def shell(line: str, port: int, folder) -> tuple[int, str]:
    """Exit code and standard output of *line*, whose files go to *folder*."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PARLEY_", "OPENAI_"))}
    asked = {
        "cwd": ROOT,
        "env": kept | {"PARLEY_SERVER_PORT": str(port), "PARLEY_AUTH_SECRET": SECRET},
        "stdout": asyncio.subprocess.PIPE,
        "stderr": asyncio.subprocess.PIPE,
        "stdin": asyncio.subprocess.DEVNULL,
    }
    line = line.replace(" answer.wav", f" {folder}/answer.wav")
    program, *words = shlex.split(line)
    if program == ".venv/bin/python" and "|" not in words:
        process = await asyncio.create_subprocess_exec(sys.executable, *words, **asked)
    else:
        process = await asyncio.create_subprocess_shell(line, **asked)
    async with asyncio.timeout(120):
        out, err = await process.communicate()
    assert b"Traceback" not in err
    return process.returncode, out.decode()


@pytest.mark.parametrize("line", EXAMPLES)
@pytest.mark.gen_test(timeout=150)
async def test_examples(line, tmp_path):
    """Each is answered, and says so in its own way."""
    async with parley(limits_connections_per_user=8) as house:
        code, out = await shell(line, house.port, tmp_path)

    assert 0 == code
    if "--repeat" in line:
        assert "20 answers, 0 talks failed." in out
    elif "--json" in line:
        events = [json.loads(each) for each in out.splitlines()]
        assert "answer" in {event["event"] for event in events}
    else:
        assert out.count("Answer: ") == (1 if "--save" in line else 2)
    if "--save" in line:
        assert soundfile.info(tmp_path / "answer.wav").duration > 3


@pytest.mark.gen_test(timeout=150)
async def test_audio_from_a_pipe(tmp_path):
    """As a microphone's program writes it, while it comes; an odd byte at its end is no audio."""
    samples, _ = soundfile.read(ROOT / "tests/data/amiable.wav", dtype="int16")
    (tmp_path / "raw").write_bytes(samples.tobytes() + b"\0")
    line = re.sub(r"arecord [^|]*", f"cat {tmp_path}/raw ", FROM_A_PIPE)
    async with parley() as house:
        code, out = await shell(line, house.port, tmp_path)

    assert 0 == code
    assert "(echo of 3.3 s of audio)" in out


@pytest.mark.gen_test(timeout=150)
async def test_instructions(tmp_path):
    """They are for the policy to allow; where it does not, its sentence is shown."""
    line = '.venv/bin/python run.py talk --text Hello --instructions "Sing." --json'
    policy = tmp_path / "policy.toml"
    policy.write_text("[fields]\ninstructions = {configure = true}\n")
    async with parley() as house:
        code, out = await shell(line, house.port, tmp_path)
        failed = json.loads(out.splitlines()[-1])
    assert (1, "failed") == (code, failed["event"])
    assert "instructions may not be set by the client" in failed["text"]

    async with parley(session_policy_file=str(policy)) as house:
        code, out = await shell(line, house.port, tmp_path)
    assert 0 == code
    assert "You wrote: Hello" in out


@pytest.mark.parametrize("value", ["raw", "raw:x", "raw:16000:0", "raw:16000:9", "wav:16000:1"])
@pytest.mark.gen_test(timeout=150)
async def test_formats_that_are_none(value, tmp_path):
    """It says how one looks."""
    code, _ = await shell(f".venv/bin/python run.py talk - --audio-in {value}", 9, tmp_path)

    assert 2 == code
