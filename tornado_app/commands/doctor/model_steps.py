"""Key, model and configuration: by a dial of our own, or by what a call is told."""

import asyncio
from collections.abc import Callable

from tornado_app.commands.doctor.case import Case
from tornado_app.commands.doctor.finding import Skipped, Trouble
from tornado_app.commands.doctor.verdicts import Dialled
from tornado_app.upstream.endpoint import listed, provider_of, upstreams

_ELSEWHERE = (
    "Its log says why (upstream_lost, upstream_rejected); or run doctor there without --url."
)
_UNREACHED = {"upstream_unavailable", "upstream_timeout"}


class FromHere:
    """One dial of each model with the settings of this computer tells of all three.
    Thread: loop.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._dialled: dict[str, Dialled] = {}

    async def key(self) -> str:
        return await self._of_each(Dialled.key)

    async def model(self) -> str:
        return await self._of_each(Dialled.model)

    async def configuration(self) -> str:
        return await self._of_each(Dialled.configuration)

    async def _of_each(self, say: Callable[[Dialled], str]) -> str:
        """What is to be said of all models; what is wrong with one of them is wrong.

        Raises:
            Trouble, Skipped: As of *say*.
        """
        if not self._dialled:
            await self._dial()
        if len(self._dialled) == 1:
            return say(*self._dialled.values())
        said: list[str] = []
        wrong: dict[str, Trouble] = {}
        for name, dialled in self._dialled.items():
            try:
                said.append(f"{name}: {say(dialled)}")
            except Skipped as skipped:
                said.append(f"{name}: {skipped}")
            except Trouble as trouble:
                wrong[name] = trouble
        if wrong:
            reasons = " ".join(f"{name}: {trouble}" for name, trouble in wrong.items())
            advice = dict.fromkeys(trouble.advice for trouble in wrong.values())
            raise Trouble(reasons, " ".join(filter(None, advice)))
        return " ".join(said)

    async def _dial(self) -> None:
        settings, server = self._case.known, self._case.server
        if server is None:
            raise Trouble("No gateway was started.")
        endpoints = listed(settings)
        trials = {each.name: server.gateway.models.new_trial(each) for each in upstreams(settings)}
        timeout_s = settings.upstream.ready_timeout_s
        verdicts = await asyncio.gather(*(trial.run(timeout_s) for trial in trials.values()))
        for (name, trial), verdict in zip(trials.items(), verdicts, strict=True):
            endpoint = endpoints[name]
            has_key = endpoint is not None and bool(endpoint.api_key)
            self._dialled[name] = Dialled(
                provider_of(endpoint),
                has_key,
                trial.reached_s,
                verdict,
                "" if name == settings.upstream.name else name,
            )


class FromOutside:
    """A gateway that runs tells its clients whether the model took the call.  Thread: loop."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._is_taken = False
        self._unreached: Trouble | None = None

    async def key(self) -> str:
        voice = self._case.voice
        if voice is None:
            raise Trouble("No call is open.")
        try:
            await voice.connected()
        except Trouble as trouble:
            told = Trouble(str(trouble), _ELSEWHERE)
            if trouble.code in _UNREACHED:
                self._unreached = told
                raise Skipped("Nobody was reached who could take it.") from None
            raise told from None
        self._is_taken = True
        return "The model took the gateway's key."

    async def model(self) -> str:
        if self._unreached is not None:
            raise self._unreached
        if not self._is_taken:
            raise Skipped("It needs the step before: key.")
        return "It began a session for this call."

    async def configuration(self) -> str:
        return "It took what the gateway asks for."
