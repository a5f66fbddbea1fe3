"""The scripts of docs/scripts over real sockets, with clients that know nothing of them."""

import asyncio
import json
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websocket import WebSocketConnectionClosedException, create_connection

from local_realtime.rehearsal.faults import parse_faults
from local_realtime.rehearsal.script import parse_script
from local_realtime.rehearsal.scripted import Run
from local_realtime.server import LocalRealtime, ServerConfig
from tests.calls.house import House
from tests.fakes.raw_websocket import TEXT, RawClient, client_frame

ROOT = Path(__file__).parents[3]
SCRIPTS = sorted((ROOT / "docs" / "scripts").glob("*.jsonl"))
CHUNK = bytes(9600)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_examples_are_scripts(path):
    """Each of them is right as it stands."""
    assert parse_script(path.name, path.read_text()).sections


@asynccontextmanager
async def playing(text, **config):
    """A server with a script, its run, and its address."""
    complaints = []
    run = Run(parse_script("s", text), print, complaints.append)
    run.complaints = complaints
    run.gone = asyncio.Event()
    run.at_end = run.gone.set
    server = LocalRealtime(ServerConfig(**config), run=run)
    port = server.listen("127.0.0.1", 0)
    try:
        yield run, f"ws://127.0.0.1:{port}/v1/realtime"
    finally:
        await server.close()


async def ended(run):
    async with asyncio.timeout(25):
        await run.gone.wait()


def example(name):
    return (ROOT / "docs" / "scripts" / f"{name}.jsonl").read_text()


@pytest.mark.gen_test
async def test_the_gateway_has_a_voice_turn():
    """Its caller hears what the script says, and the script sees what it expects."""
    async with playing(example("voice-turn")) as (run, url), House(url) as house:
        client = await house.connected()
        await client.audio(CHUNK)
        transcript = await client.next("transcript")
        audio = await client.next("audio")
        done = await client.next("response_done")
        client.socket.close(1000)
        await client.closed()
        await ended(run)

    assert run.complaints == []
    assert transcript["data"]["text"] == "Hello there."
    assert audio["data"]["duration_ms"] > 0
    assert done["data"]["status"] == "completed"


@pytest.mark.gen_test
async def test_the_gateway_goes_on_when_a_session_is_over():
    """The script's second connection has the same call, and its caller notices a pause at most."""
    async with playing(example("expiry")) as (run, url), House(url) as house:
        client = await house.connected()
        await client.status("reconnecting")
        await client.status("connected")
        client.socket.close(1000)
        await client.closed()
        await ended(run)

    assert run.complaints == []
    assert run.played == 2


@pytest.mark.gen_test
async def test_the_gateway_fails_a_script_that_it_does_not_fit():
    """Both sides say so: the run's complaint, and no second try of the gateway."""
    script = (
        '{"send": {"type": "session.created", "session": {}}}\n{"expect": {"type": "moon.rise"}}'
    )
    async with playing(script) as (run, url), House(url) as house:
        client = await house.call()
        closed = await client.closed()
        await ended(run)

    assert closed == (4502, "upstream_failed")
    assert client.heard[-1]["data"]["code"] == "upstream_rejected"
    (complaint,) = run.complaints
    assert 'line 2: expected {"type": "moon.rise"}, got {"type": "session.update"' in complaint


@pytest.mark.gen_test
async def test_faults_and_scripts_go_together():
    """A script whose events come slowly, and are the same; only the key is looked at."""
    script = '{"send": {"type": "response.created"}}\n{"send_text": "{"}\n{"reset": true}'
    async with playing(script, faults=parse_faults("slow-answers=1"), api_key="k") as (run, url):
        port = int(url.split(":")[2].split("/")[0])
        bad = await RawClient.connect(port, "/v1/realtime", "api-key: wrong\r\n")
        assert b"invalid_api_key" in (await bad.receive()).payload
        await bad.close()
        client = await RawClient.connect(port, "/v1/realtime", "api-key: k\r\n")
        with pytest.raises(ConnectionResetError):
            await client._within_deadline(client.reader.read())
        await client.close()
        await ended(run)

    assert (run.played, run.complaints) == (1, [])


@pytest.mark.gen_test
async def test_an_expectation_has_its_deadline():
    """The clock of the server sees to it, with nothing from the client."""
    script = '{"expect": {"type": "a"}, "within_ms": 50}'
    async with playing(script) as (run, url):
        port = int(url.split(":")[2].split("/")[0])
        client = await RawClient.connect(port, "/v1/realtime")
        error, close = await client.receive(), await client.receive()
        await client.close()
        await ended(run)

    assert (error.opcode, close.close_code) == (TEXT, 4000)
    assert b"got nothing within 50 ms" in error.payload


@pytest.mark.gen_test
async def test_a_client_may_be_pulled_out():
    """A connection that is lost in the middle of a script has failed it."""
    steps = '{"expect": {"type": "a"}}\n{"send": {"type": "x"}}\n{"expect": {"type": "b"}}'
    async with playing(steps) as (run, url):
        port = int(url.split(":")[2].split("/")[0])
        client = await RawClient.connect(port, "/v1/realtime")
        client.send(client_frame(TEXT, b'{"type": "a"}'))
        assert b'"x"' in (await client.receive()).payload
        client.writer.write_eof()
        await ended(run)
        await client.close()

    assert "line 3: the client closed without a close frame" in run.complaints[0]


def tool_client(address, call_id=None):
    """A plain client, as somebody else would write it; *call_id* is a mistake of its."""
    client = create_connection(f"{address}?model=m", timeout=5)

    def send(kind, **fields):
        client.send(json.dumps({"type": kind, **fields}))

    def receive(kind):
        while (event := json.loads(client.recv()))["type"] != kind:
            pass
        return event

    receive("session.created")
    tool = {"type": "function", "name": "get_weather", "parameters": {}}
    send("session.update", session={"type": "realtime", "tools": [tool]})
    question = {"type": "input_text", "text": "How is the weather in Paris?"}
    item = {"type": "message", "role": "user", "content": [question]}
    send("conversation.item.create", item=item)
    send("response.create")
    call = receive("response.function_call_arguments.done")
    receive("response.done")
    assert json.loads(call["arguments"]) == {"city": "Paris"}
    output = {"type": "function_call_output", "output": "sunny"}
    send("conversation.item.create", item=output | {"call_id": call_id or call["call_id"]})
    send("response.create")
    try:
        return receive("response.output_text.delta")["delta"]
    except (WebSocketConnectionClosedException, ValueError):
        return None
    finally:
        client.close()


@pytest.mark.parametrize(("call_id", "code"), [(None, 0), ("call_of_another", 1)])
def test_the_exit_code_is_the_verdict(call_id, code):
    """With --once, a program in somebody's tests: 0 if the client did as the script expects."""
    command = [sys.executable, "-m", "local_realtime", "--port", "0", "--once"]
    with subprocess.Popen(
        [*command, "--script", "docs/scripts/tool-call.jsonl"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        address = process.stdout.readline().split()[-1]
        answer = tool_client(address, call_id)
        out, err = process.communicate(timeout=60)

    assert process.returncode == code
    if call_id is None:
        assert (answer, out, err) == ("It is sunny.", "Connection 1: played to the end.\n", "")
    else:
        assert (answer, out) == (None, "")
        assert err.startswith("docs/scripts/tool-call.jsonl, connection 1, line 14: expected")
        assert 'got "call_of_another").\n' in err
