"""All of examples/ as `make examples` starts it, on ports of a test's own."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.calls.house import until
from tests.fakes.upstream import unused_port

ROOT = Path(__file__).resolve().parents[2]
START_S, CALL_S, END_S = 110.0, 60.0, 30.0
"""The models of speech are loaded; on a machine that may be busy."""
PROXY = {"http_proxy": "http://127.0.0.1:9"}
"""As in many a company: all of the examples is on this computer, which is not behind it."""


@dataclass(frozen=True)
class Examples:
    gateway: str
    """Host and port."""
    application: str
    page: str
    """Its address, as it was printed."""

    @property
    def environ(self) -> dict[str, str]:
        """What the client of examples/ has to know."""
        return PROXY | {
            "APPLICATION_URL": f"http://{self.application}",
            "GATEWAY_URL": f"ws://{self.gateway}/ws",
        }


@asynccontextmanager
async def examples_running(folder: Path, **environ: str) -> AsyncIterator[Examples]:
    """A copy in *folder*, whose fixed ports are others; nothing of it is left behind."""
    gateway, application, weather, hours = (unused_port() for _ in range(4))
    shutil.copytree(ROOT / "examples", folder / "examples")
    (folder / "run.py").symlink_to(ROOT / "run.py")
    tools = folder / "examples/tools/tools.toml"
    text = tools.read_text().replace(":9000/", f":{weather}/").replace(":9001/", f":{hours}/")
    tools.write_text(text)
    environ |= PROXY | {
        "APPLICATION_PORT": str(application),
        "WEATHER_PORT": str(weather),
        "HOURS_PORT": str(hours),
        "PARLEY_UPSTREAM_URL": "local",
    }
    program = folder / "examples/everything.py"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, program, "--port", str(gateway)),
        env=os.environ | environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed = bytearray()
    reading = asyncio.ensure_future(_read(process.stdout, printed))
    try:
        await until(lambda: b"listens on" in printed or reading.done(), "no start", START_S)
        for port in (gateway, application, weather, hours):
            await answers(port)
        [page] = re.findall(r"http://\S+/page\.html", printed.decode())
        yield Examples(f"127.0.0.1:{gateway}", f"127.0.0.1:{application}", page)
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(END_S):
            await asyncio.gather(process.wait(), reading)
    assert b"Traceback" not in printed, printed.decode()
    assert not re.search(rb" (warning|error) ", printed), printed.decode()


async def _read(stream: asyncio.StreamReader, printed: bytearray) -> None:
    while piece := await stream.read(4096):
        printed += piece


async def answers(port: int) -> None:
    """Return when somebody listens there."""
    async with asyncio.timeout(START_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


async def printed(*arguments: str | Path, **environ: str) -> str:
    """What a program of the repository prints; it must end well."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *map(str, arguments)),
        cwd=ROOT,
        env=os.environ | environ,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(CALL_S):
        out, _ = await process.communicate()
    assert process.returncode == 0, out
    return out.decode()
