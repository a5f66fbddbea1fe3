"""The model on this computer: `local_realtime` in a process of its own."""

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tornado_app.cores import start_child
from tornado_app.logs import get_logger
from tornado_app.settings.schema import Model
from tornado_app.upstream.endpoint import Endpoint

READY_TIMEOUT_S = 60.0
"""On a busy computer; on a quiet one it listens within two."""
STOP_TIMEOUT_S = 5.0
RESTART_S = 1.0
RESTART_MAX_S = 30.0
"""One that has lived so long is started again at once: calls wait for it."""
READY_WORDS = "Local Realtime server ready: "
ROOT = Path(__file__).resolve().parents[2]


def chat_environment(model: Model) -> dict[str, str]:
    """How the child is told of its chat model; by variables, since ps shows arguments."""
    values = {
        "URL": model.chat_url,
        "MODEL": model.chat_model,
        "API_KEY": model.chat_api_key.reveal(),
        "CONNECT_TIMEOUT_S": f"{model.chat_connect_timeout_s:g}",
        "FIRST_TIMEOUT_S": f"{model.chat_first_timeout_s:g}",
        "STALL_TIMEOUT_S": f"{model.chat_stall_timeout_s:g}",
    }
    return {f"LOCAL_REALTIME_CHAT_{name}": value for name, value in values.items()}


class EmbeddedModel:
    """Starts the local model, starts it again should it die, and stops it.  Thread: loop.

    The child ends by itself when this process is gone: it watches its standard input.  Its key
    is made anew for each run of the gateway, so that nobody else on this computer uses it.
    """

    def __init__(
        self,
        mode: str,
        pace: float,
        fault: str = "",
        environment: Mapping[str, str] | None = None,
        *,
        keeps_port: bool = False,
    ) -> None:
        """*keeps_port*: another one listens where the one before did."""
        self._mode = mode
        self._pace = pace
        self._fault = fault
        self._environment = environment or {}
        self._keeps_port = keeps_port
        self._key = secrets.token_urlsafe(24)
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._url = ""
        self.deaths = 0
        """Times that it ended by itself."""
        self._log = get_logger()

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens now; the port changes when it had to be started again."""
        return Endpoint(self._url, self._key, "authorization")

    @property
    def is_up(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Return when it listens.

        Raises:
            RuntimeError: If it did not come up in time.
        """
        await self._launch()
        self._watch = asyncio.get_running_loop().create_task(self._keep_alive())

    async def stop(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        await self._end()

    async def _launch(self) -> None:
        starting = asyncio.ensure_future(self._spawn())
        try:
            self._process = await asyncio.shield(starting)
            async with asyncio.timeout(READY_TIMEOUT_S):
                self._url = await self._ready_line()
        except TimeoutError:
            await self._end()
            raise RuntimeError("The local model did not start.") from None
        except asyncio.CancelledError:  # a signal came first
            self._process = await starting
            await self._end()
            raise

    async def _spawn(self) -> asyncio.subprocess.Process:
        return await start_child(
            sys.executable,
            "-m",
            "local_realtime",
            "--port",
            f"{self._port()}",
            "--mode",
            self._mode,
            "--pace",
            f"{self._pace:g}",
            "--fault",
            self._fault,
            "--stop-with-parent",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=os.environ | self._environment | {"LOCAL_REALTIME_API_KEY": self._key},
        )

    def _port(self) -> int:
        """The one that it had, for whoever was told of it; 0, any, the first time."""
        return urlsplit(self._url).port or 0 if self._keeps_port else 0

    async def _ready_line(self) -> str:
        process = self._process
        if process is None or process.stdout is None:
            raise TimeoutError
        while line := await process.stdout.readline():
            text = line.decode(errors="replace").strip()
            if text.startswith(READY_WORDS):
                return text.removeprefix(READY_WORDS)
        raise TimeoutError

    async def _keep_alive(self) -> None:
        clock, delay_s = asyncio.get_running_loop().time, RESTART_S
        begun_at = clock()
        while True:
            if self._process is not None:
                code = await self._process.wait()
                self.deaths += 1
                self._log.error("local_model_died", exit_code=code)
                if clock() - begun_at > RESTART_MAX_S:
                    delay_s = 0.0
            await asyncio.sleep(delay_s)
            try:
                await self._launch()
                self._log.info("local_model_restarted")
                begun_at, delay_s = clock(), RESTART_S
            except (OSError, RuntimeError):
                delay_s = min(max(delay_s, RESTART_S) * 2, RESTART_MAX_S)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
