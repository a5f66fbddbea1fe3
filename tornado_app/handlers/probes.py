"""What a load balancer asks."""

import asyncio
import threading

from compiling import loading
from tornado_app.handlers.quiet import QuietHandler, as_json
from tornado_app.health import Health


class HealthHandler(QuietHandler):
    """``/healthz``: this process is alive.  Thread: loop."""

    allowed = ("GET", "HEAD", "OPTIONS")

    def initialize(self, health: Health) -> None:
        self._health = health

    def get(self) -> None:
        body = {
            "status": "ok",
            "connections": self._health.connections,
            "threads": threading.active_count(),
            "tasks": len(asyncio.all_tasks()),
            "hot_path": loading.code().kind,
        }
        self.answer(200, as_json(body))

    def head(self) -> None:
        """As GET; Tornado leaves the body out."""
        self.get()

    def options(self) -> None:
        self.set_header("Allow", ", ".join(self.allowed))
        self.set_status(204)
        self.finish()


class ReadyHandler(HealthHandler):
    """``/readyz``: send new clients here, or (503) do not."""

    def get(self) -> None:
        reason = self._health.not_ready()
        facts = {
            "issuers": self._health.issuers,
            "upstreams": self._health.upstreams,
            "shared": self._health.shared,
        }
        told = {name: fact for name, fact in facts.items() if fact}
        if reason is None:
            self.answer(200, as_json({"status": "ready", **told}))
        else:
            self.answer(503, as_json({"status": "not_ready", "reason": reason, **told}))
