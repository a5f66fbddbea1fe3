"""A client: has its server make a token, speaks a recording, does what the model calls for.

python client.py question.wav answer.wav
"""

import asyncio
import base64
import json
import os
import sys
from pathlib import Path

import httpx2
import soundfile
from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketError, websocket_connect

APPLICATION_URL = os.environ.get("APPLICATION_URL", "http://127.0.0.1:8000")
GATEWAY_URL = os.environ.get("GATEWAY_URL", "ws://127.0.0.1:8765/ws")


def set_colour(colour):
    print(f"The page is {colour}.")
    return {"now": colour}


TOOLS = {"set_colour": set_colour}


async def make_token():
    # On this computer, where no proxy of the environment finds anybody.
    async with httpx2.AsyncClient(base_url=APPLICATION_URL, trust_env=False) as http:
        who = {"name": "alice", "password": "wonderland"}
        try:
            (await http.post("/login", json=who)).raise_for_status()
            answer = (await http.post("/token")).raise_for_status()
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            sys.exit(f"There is no token from {APPLICATION_URL}: {error}")
    return answer.json()["token"]


def perform(call):
    """A `tool_call` done; whatever goes wrong, the model is told."""
    answer = {"type": "tool_result", "call_id": call["call_id"]}
    try:
        return answer | {"output": TOOLS[call["name"]](**call["arguments"])}
    except (KeyError, TypeError, ValueError) as error:
        return answer | {"output": str(error), "is_error": True}


def recording(name):
    try:
        with Path(name).open("rb") as file:
            return soundfile.read(file, dtype="int16", always_2d=True)
    except OSError as error:
        sys.exit(f"{name} cannot be read: {error.strerror}")
    except soundfile.LibsndfileError as error:
        sys.exit(f"{name} cannot be read: {error.error_string}")


async def call(samples, rate_hz):
    """What the model said, as 16-bit PCM at 24 kHz."""
    query = f"input_rate={rate_hz}&input_channels={samples.shape[1]}&turn_detection=none"
    offered = ["voice.v1", f"bearer.{await make_token()}"]
    socket = await websocket_connect(f"{GATEWAY_URL}?{query}", subprotocols=offered)
    chunk = rate_hz // 10
    for begin in range(0, len(samples), chunk):
        await socket.write_message(samples[begin : begin + chunk].tobytes(), binary=True)
    await socket.write_message(json.dumps({"type": "commit_audio"}))
    spoken, is_answered = bytearray(), False
    while (text := await socket.read_message()) is not None:
        message = json.loads(text)
        data = message["data"]
        match message["type"]:
            case "tool_call":
                await socket.write_message(json.dumps(perform(data)))
            case "audio":
                spoken += base64.b64decode(data["audio"])
            case "transcript" if data["final"]:
                print(f"{data['role']}: {data['text']}")
            case "error":
                sys.exit(message["error"])
            case "response_done" if not data.get("continues"):
                is_answered = True
                socket.close(1000)  # or the call waits for a client whose connection broke
    if not is_answered:
        sys.exit(f"The call has ended too soon: {socket.close_reason or 'the connection broke'}.")
    return spoken


async def main(question, answer):
    samples, rate_hz = recording(question)
    if not GATEWAY_URL.startswith(("ws://", "wss://")):
        sys.exit(f"GATEWAY_URL must begin with ws:// or wss://, not be {GATEWAY_URL}.")
    try:
        spoken = await call(samples, rate_hz)
    except (OSError, HTTPClientError, WebSocketError) as error:
        reason = str(error) or "the connection broke"
        sys.exit(f"There is no call at {GATEWAY_URL}: {reason}")
    try:
        soundfile.write(answer, memoryview(spoken).cast("h"), 24_000)
    except (soundfile.LibsndfileError, TypeError) as error:  # a type is a name without .wav
        sys.exit(f"{answer} cannot be written: {error}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("Say it so: python client.py question.wav answer.wav")
    try:
        asyncio.run(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("Ctrl-C has ended the call.")
