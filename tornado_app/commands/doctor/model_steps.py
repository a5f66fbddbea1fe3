"""Key, model and configuration: by a dial of our own, or by what a call is told."""

from tornado_app.commands.doctor.case import Case
from tornado_app.commands.doctor.finding import Trouble
from tornado_app.commands.doctor.verdicts import Dialled
from tornado_app.upstream.endpoint import configured_endpoint, provider

_ELSEWHERE = (
    "Its log says why (model_rejects, upstream_rejected); or run doctor there without --url."
)


class FromHere:
    """One dial with the settings of this computer tells of all three.  Thread: loop."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._dialled: Dialled | None = None

    async def key(self) -> str:
        return (await self._dial()).key()

    async def model(self) -> str:
        return (await self._dial()).model()

    async def configuration(self) -> str:
        return (await self._dial()).configuration()

    async def _dial(self) -> Dialled:
        if self._dialled is None:
            settings, server = self._case.known, self._case.server
            if server is None:
                raise Trouble("No gateway was started.")
            trial = server.gateway.new_trial()
            verdict = await trial.run(settings.upstream.ready_timeout_s)
            endpoint = configured_endpoint(settings)
            has_key = endpoint is not None and bool(endpoint.api_key)
            self._dialled = Dialled(provider(settings), has_key, trial.reached_s, verdict)
        return self._dialled


class FromOutside:
    """A gateway that runs tells its clients whether the model took the call.  Thread: loop."""

    def __init__(self, case: Case) -> None:
        self._case = case

    async def key(self) -> str:
        voice = self._case.voice
        if voice is None:
            raise Trouble("No call is open.")
        try:
            await voice.connected()
        except Trouble as trouble:
            raise Trouble(str(trouble), _ELSEWHERE) from None
        return "The model took the gateway's key."

    async def model(self) -> str:
        return "It began a session for this call."

    async def configuration(self) -> str:
        return "It took what the gateway asks for."
