"""What a load balancer asks."""

import asyncio
import json
import threading
from typing import Any

from tornado.web import RequestHandler

from tornado_app.health import Health


class HealthHandler(RequestHandler):
    """``/healthz``: this process is alive.  Thread: loop."""

    def initialize(self, health: Health) -> None:
        self._health = health

    def get(self) -> None:
        self._answer(
            200,
            {
                "status": "ok",
                "connections": self._health.connections,
                "threads": threading.active_count(),
                "tasks": len(asyncio.all_tasks()),
            },
        )

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(body))


class ReadyHandler(HealthHandler):
    """``/readyz``: send new clients here, or (503) do not."""

    def get(self) -> None:
        reason = self._health.not_ready()
        if reason is None:
            self._answer(200, {"status": "ready"})
        else:
            self._answer(503, {"status": "not_ready", "reason": reason})
