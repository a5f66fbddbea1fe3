"""Who may come in, and by what that is judged: tokens, bans, places and quotas."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tornado_app.admission.counting import Places
from tornado_app.admission.tokens import TokenRules
from tornado_app.judging import Judge
from tornado_app.keeping_out import KeepingOut
from tornado_app.metering import new_metering
from tornado_app.policy.grants import Policy
from tornado_app.protocol.realtime.functions import Function, HandedServer
from tornado_app.protocol.realtime.model_session import ModelSession
from tornado_app.reception import Reception, Running
from tornado_app.seating import Seating
from tornado_app.settings.schema import Settings
from tornado_app.tools.toolbox import Toolbox
from tornado_app.trust import Trust


class Access:
    """Of one process, beginning when it is made.  Thread: loop."""

    def __init__(
        self,
        settings: Settings,
        rules: TokenRules | None,
        policy: Policy,
        toolbox: Toolbox,
        *,
        places: Places | None,
        running: Running,
        post: Callable[..., None],
        hear: Callable[[str, Mapping[str, Any]], None],
        on_revoked: Callable[[], None],
        most_of_first: Callable[[ModelSession, Sequence[Function | HandedServer]], Decimal],
    ) -> None:
        """*places* and *hear*: as of `Seating`; *post* and *on_revoked*: as of `Trust`; *running*:
        as of `Reception`; the others as of `Judge`.

        Raises:
            OSError: If a file of keys, or of who is taken back, cannot be read.
            ValueError: If it is none.
        """
        loop = asyncio.get_running_loop()
        self.seating = seating = Seating(settings, loop, hear, places)
        self.metering = new_metering(settings, seating.run, lambda: seating.is_away)
        self.trust = Trust(settings, rules, loop, post, on_revoked)
        self.trust.begin()
        self.keeping_out = KeepingOut(settings, self.trust, seating.run, lambda: seating.is_away)
        self.seating.start()
        self.metering.start()
        self.keeping_out.start()
        self.judge = Judge(
            settings, rules, policy, toolbox, trust=self.trust, most_of_first=most_of_first
        )
        self.reception = Reception(self.judge, self.trust, seating, self.metering, running)

    def go_by(
        self, settings: Settings, rules: TokenRules | None, policy: Policy, toolbox: Toolbox
    ) -> Coroutine[Any, Any, None]:
        """What the operator has written by now; returns and raises as `Trust.go_by`."""
        retiring = self.trust.go_by(settings, rules)
        self.seating.go_by(settings)
        self.judge.go_by(settings, rules, policy, toolbox)
        return retiring

    async def stop(self) -> None:
        """Nobody else is asked any more, nor told; what calls have used is known by then."""
        await self.keeping_out.stop()
        await self.trust.stop()
        await self.metering.stop()
        await self.seating.stop()
