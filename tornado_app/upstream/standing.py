"""Whether the model takes us, as far as is known: for the log, and for readiness."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from tornado_app.logs import get_logger
from tornado_app.protocol.endings import Ending

REST_S = 30.0
"""Between two trials.  A model that refuses is asked again: a key is put right elsewhere, too."""

_KEY = "Check {at}.api_key{variables} and {at}.auth_header."
_ADDRESS = "Check {at}.url and {at}.model."
_MONEY = "The account has no money or no permission left."
_SESSION = "Check {at}.model and the settings of [session]."
_WAY = "Check {at}.url, the network, and the proxy if there is one."
_ADVICE = {
    "http_401": _KEY,
    "http_403": _KEY,
    "invalid_api_key": _KEY,
    "authentication_error": _KEY,
    "http_404": _ADDRESS,
    "model_not_found": _ADDRESS,
    "http_402": _MONEY,
    "insufficient_quota": _MONEY,
}


def advice(verdict: Ending, fallback: str = "") -> str:
    """What a person has to look at; *fallback* names the upstream, if it is not the first."""
    text = _WAY
    if verdict.code == "upstream_rejected":
        text = _ADVICE.get(verdict.cause, _SESSION)
    if fallback:
        return text.format(at=f"upstream.fallbacks.{fallback}", variables="")
    return text.format(at="upstream", variables=" (PARLEY_UPSTREAM_API_KEY, OPENAI_API_KEY)")


class Standing:
    """Tries the model at the start, and again when a call was refused for good.  Thread: loop.

    A refused call alone says little: its client may have asked for what this key cannot have.  So
    it only causes a trial, and the trial decides.  A call that was connected is proof enough.
    Until `start` nothing is tried, and nothing is known.
    """

    def __init__(
        self,
        try_model: Callable[[], Awaitable[Ending | None]],
        model: str,
        rest_s: float = REST_S,
    ) -> None:
        self._try_model = try_model
        self._rest_s = rest_s
        self._doubted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._last: str | None = None
        """The cause of the last verdict, empty if there was nothing wrong."""
        self._log = get_logger()
        self._model = model
        self.rejected = False
        """The model refuses every call, and will until a person acts."""

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def on_call(self, *, accepted: bool) -> None:
        """A call was connected to the model, or refused by it for good."""
        if self._task is None:
            return
        if not accepted:
            self._doubted.set()
        elif self.rejected:
            self._judge(None)

    async def _watch(self) -> None:
        while True:
            self._doubted.clear()
            try:
                self._judge(await self._try_model())
            except Exception:  # noqa: BLE001  the watch goes on
                self._log.exception("trial_failed", model=self._model)
            await asyncio.sleep(self._rest_s)
            if not self._last:
                await self._doubted.wait()

    def _judge(self, verdict: Ending | None) -> None:
        """Note it, and say it if it is news."""
        self.rejected = verdict is not None and verdict.code == "upstream_rejected"
        cause = "" if verdict is None else verdict.cause
        if cause == self._last:
            return
        self._last = cause
        if verdict is None:
            self._log.info("model_accepts", model=self._model)
        elif self.rejected:
            self._log.error("model_rejects", model=self._model, cause=cause, advice=advice(verdict))
        else:
            self._log.warning(
                "model_unreachable", model=self._model, cause=cause, advice=advice(verdict)
            )
