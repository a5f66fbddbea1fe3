"""What is measured: the gateway, and the relays that it is held against."""

import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.common import Child, gateway_env, get_json_or_none, make_token, running

MODEL_HZ = 24_000
LITELLM_START_TIMEOUT_S = 300
"""It imports for seconds on a quiet machine, and for minutes on one that others use."""
LITELLM_ENV = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
"""Its prices need not be fetched, which it tries for 15 s where there is no way out."""
LITELLM_KEY = "sk-bench"


class NotInstalled(Exception):
    """A baseline that is optional is not there; the message says how to have it."""


@dataclass(frozen=True)
class Target:
    """A running program, and how the load generator talks to it."""

    name: str
    child: Child
    load_arguments: list[str]


def start_gateway(
    stack: ExitStack,
    upstream_url: str,
    rate_hz: int,
    settings: dict[str, str] | None = None,
    scopes: Sequence[str] = (),
) -> Target:
    env = gateway_env(upstream_url) | (settings or {})
    child = stack.enter_context(running("run.py", "--port", "0", env=env))
    url = f"{child.read_url()}?input_rate={rate_hz}"
    token = make_token(env, *(word for scope in scopes for word in ("--scope", scope)))
    load = [url, "--rate", str(rate_hz), "--token", token, "--commit"]
    return Target("gateway", child, load)


def start_api(stack: ExitStack, upstream_url: str) -> Target:
    """The gateway, called by a client of the Realtime API in the model's own format."""
    env = gateway_env(upstream_url) | {"PARLEY_OPENAI_ENABLED": "true"}
    child = stack.enter_context(running("run.py", "--port", "0", env=env))
    url = child.read_url().removesuffix("/ws") + "/v1/realtime"
    return Target("gateway-api", child, [url, *relay_load(), *api_load(make_token(env))])


def start_aiohttp(stack: ExitStack, upstream_url: str) -> Target:
    child = stack.enter_context(running("-m", "bench.aiohttp_relay", upstream_url))
    return Target("aiohttp", child, [child.read_url(), *relay_load()])


def start_aiohttp_on_uvloop(stack: ExitStack, upstream_url: str) -> Target:
    relay = ("-m", "bench.aiohttp_relay", "--uvloop", upstream_url)
    child = stack.enter_context(running(*relay))
    return Target("aiohttp-uvloop", child, [child.read_url(), *relay_load()])


def start_websockets(stack: ExitStack, upstream_url: str) -> Target:
    child = stack.enter_context(running("-m", "bench.websockets_relay", upstream_url))
    return Target("websockets", child, [child.read_url(), *relay_load()])


def relay_load() -> list[str]:
    """A relay cannot resample, so it is given what the model takes."""
    return ["--rate", str(MODEL_HZ), "--raw"]


def api_load(key: str) -> list[str]:
    """What speaks the model's dialect is spoken to in it."""
    return ["--message-type", "input_audio_buffer.append", "--token", key]


def start_litellm(stack: ExitStack, upstream_url: str) -> Target:
    """LiteLLM's proxy, from a virtual environment of its own: it pins what we pin differently.

    Raises:
        NotInstalled: If it is neither on the PATH nor where BENCH_LITELLM says.
    """
    wanted = os.environ.get("BENCH_LITELLM") or "litellm"
    program = shutil.which(wanted)
    if program is None:
        raise NotInstalled(f"there is no {wanted}; BENCH_LITELLM=/path/to/venv/bin/litellm")
    base = upstream_url.replace("ws://", "http://").removesuffix("/realtime")
    model = {"model": "openai/gpt-realtime", "api_base": base, "api_key": "bench"}
    config = {
        "model_list": [{"model_name": "gpt-realtime", "litellm_params": model}],
        "general_settings": {"master_key": LITELLM_KEY},
    }
    path = Path(stack.enter_context(tempfile.TemporaryDirectory()), "litellm.yaml")
    path.write_text(json.dumps(config))  # JSON is YAML
    port = free_port()
    arguments = ("--config", str(path), "--host", "127.0.0.1", "--port", str(port))
    child = stack.enter_context(running(*arguments, program=program, env=LITELLM_ENV))
    deadline_s = time.monotonic() + LITELLM_START_TIMEOUT_S
    while get_json_or_none(f"http://127.0.0.1:{port}/health/liveliness") is None:
        if time.monotonic() > deadline_s or child.process.poll() is not None:
            raise NotInstalled(f"{program} did not start\n{child.log_tail()}")
        time.sleep(0.5)
    url = f"ws://127.0.0.1:{port}/v1/realtime?model=gpt-realtime"
    return Target("litellm", child, [url, *relay_load(), *api_load(LITELLM_KEY)])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


RELAYS: dict[str, Callable[[ExitStack, str], Target]] = {
    "gateway-api": start_api,
    "aiohttp": start_aiohttp,
    "aiohttp-uvloop": start_aiohttp_on_uvloop,
    "websockets": start_websockets,
    "litellm": start_litellm,
}


def start_all(
    stack: ExitStack,
    upstream_url: str,
    rate_hz: int,
    beside: list[str],
    core: int | None = None,
) -> list[Target]:
    """Start the gateway and the relays; one that is not installed is left out with a line.

    *core*: each of them is held to it; the tools are not.
    """
    targets = [start_gateway(stack, upstream_url, rate_hz)]
    for name in beside:
        try:
            targets.append(RELAYS[name](stack, upstream_url))
        except NotInstalled as exc:
            print(f"  {name} is left out: {exc}")
    if core is not None:
        for target in targets:
            target.child.keep_to(core)
    return targets
