"""A real Prometheus, for tests: it scrapes one address, and is asked by its own API."""

import asyncio
import contextlib
import json
import shutil
import time
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from tests.fakes.upstream import unused_port

INSTALLED = shutil.which("prometheus") is not None
WAIT_S = 25.0
# A page takes some 10 ms, and on a busy computer 400: what is not there in time is never there.
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 500ms}}
rule_files: [{rules}]
scrape_configs:
  - job_name: parley
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class Prometheus:
    """Scrapes that port until the block is left, and has these rules."""

    def __init__(self, folder: Path, scraped_port: int, rules: Path) -> None:
        self._folder = folder
        self._port = unused_port()
        self._config = folder / "prometheus.yml"
        self._config.write_text(CONFIG.format(port=scraped_port, rules=rules))

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--log.level=error",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await self.until(lambda: self.value("up"), lambda up: up == 1)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        await self._process.wait()

    async def ask(self, path: str, **query: str) -> Any:
        """The `data` of an answer; None while it does not answer."""
        url = f"http://127.0.0.1:{self._port}/api/v1/{path}?{urlencode(query)}"
        try:
            response = await AsyncHTTPClient().fetch(url)
        except (OSError, HTTPClientError):  # it begins
            return None
        return json.loads(response.body)["data"]

    async def series(self, query: str) -> dict[tuple[str, ...], float]:
        """The values of an expression by those of its labels, without job and instance."""
        found = await self.ask("query", query=query)
        return {
            tuple(
                value
                for name, value in sorted(each["metric"].items())
                if name not in {"__name__", "job", "instance"}
            ): float(each["value"][1])
            for each in (found or {"result": []})["result"]
        }

    async def value(self, query: str) -> float | None:
        """Of an expression with one series; None: it has none."""
        return next(iter((await self.series(query)).values()), None)

    async def until(self, ask: Any, is_so: Any) -> Any:
        """What *ask* brings, as soon as *is_so* of it."""
        deadline = time.monotonic() + WAIT_S
        while not is_so(found := await ask()):
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.1)
        return found
