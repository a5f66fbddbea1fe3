"""What a request may have, by the rules that the operator has written; nobody is counted here."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tornado_app.admission.claims import Caller
from tornado_app.admission.origins import OriginRules
from tornado_app.admission.quotas import Owner, Quota
from tornado_app.admission.tokens import TokenRules
from tornado_app.errors import Refused
from tornado_app.guests import Guest, Knock
from tornado_app.house_rules import opening_rules
from tornado_app.issuing import Issuer
from tornado_app.policy.grants import Policy
from tornado_app.protocol.opening import RESUMING, Opening
from tornado_app.protocol.realtime.functions import Function, HandedServer
from tornado_app.protocol.realtime.model_session import ModelSession
from tornado_app.session.config import SessionConfig, ToolRules
from tornado_app.settings.schema import Settings
from tornado_app.standing import Standing, Standings
from tornado_app.terms import CallTerms, Terms
from tornado_app.tools.toolbox import Toolbox
from tornado_app.trust import Trust


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request that may come in is to have."""

    caller: Caller
    opening: Opening
    terms: CallTerms
    standing: Standing
    wrong: Refused | None = None
    """Why no call may begin so: it may only go on with another."""


class Judge:
    """Thread: loop."""

    def __init__(
        self,
        settings: Settings,
        rules: TokenRules | None,
        policy: Policy,
        toolbox: Toolbox,
        *,
        trust: Trust,
        most_of_first: Callable[[ModelSession, Sequence[Function | HandedServer]], Decimal],
    ) -> None:
        """*rules* are those of our own tokens, if there are any; a policy may name the tools of
        *toolbox*; *most_of_first*: what the first answer of such a call may cost.
        """
        self._trust = trust
        self._most_of_first = most_of_first
        self._opening_rules = opening_rules()
        self.go_by(settings, rules, policy, toolbox)

    def go_by(
        self, settings: Settings, rules: TokenRules | None, policy: Policy, toolbox: Toolbox
    ) -> None:
        """What the operator has written by now."""
        self._toolbox = toolbox
        self._origins = _origin_rules(settings)
        self._terms = Terms(settings, policy, toolbox.all_names, toolbox.names)
        self._standings = Standings(settings)
        self.issuer = Issuer(settings, rules, self._terms)

    def allows_origin(self, origin: str | None) -> bool:
        """Whether pages of it may connect; None is no page."""
        return self._origins.allows(origin)

    def judge(self, knock: Knock) -> Asked:
        """What this request is to have.

        Raises:
            Refused: With the code that docs/protocol.md gives for it.
        """
        caller = self._trust.identify(knock.token)
        wrong: Refused | None = None
        try:
            opening, terms = self._settle(knock, caller)
        except Refused as refused:
            coming_back = _coming_back(knock)
            if coming_back is None:
                raise
            wrong = replace(refused)  # without what it has passed through, the token in it
            opening, terms = self._settle(coming_back, caller)
        standing = self._standings.of(caller)
        # What the token says has been read; it is kept no longer than it must.
        return Asked(replace(caller, claims={}), opening, terms, standing, wrong)

    def _settle(self, knock: Knock, caller: Caller) -> tuple[Opening, CallTerms]:
        opening = knock.dialect.read_opening(knock.query, self._opening_rules)
        now = time.time()  # noqa: TID251  the date that people know
        return opening, self._terms.settle(caller, opening.choices, now)

    def check_opening(self, knock: Knock) -> None:
        """Refuse what no token could make good, of a request that shows its token later.

        Raises:
            Refused: As `judge`.
        """
        knock = _coming_back(knock) or knock
        opening = knock.dialect.read_opening(knock.query, self._opening_rules)
        self._terms.check_choices(opening.choices)

    def most_of_first(self, asked: Asked | Guest) -> Decimal:
        """What the first answer of such a call may cost; 0 where no money is counted."""
        if not asked.standing.counts_money:
            return Decimal(0)
        scopes, toolbox = asked.caller.scopes, self._toolbox
        tools = ToolRules(toolbox.functions(scopes), handed=toolbox.handed(scopes)).told
        return self._most_of_first(asked.terms.model_session, tools)

    def check_token(self, token: str, config: SessionConfig) -> Caller:
        """Who shows *token*, if the call of *config* may go on with it.

        It is checked as the first one was, and has to give what the call has: a right that was
        taken away is not kept by going on.

        Raises:
            Refused: ``token_invalid``, whatever is wrong with it, or ``server_busy`` if that cannot
                be known now.
        """
        try:
            caller = self._trust.identify(token)
            self._terms.check_caller(caller)
        except Refused as refused:
            sentence = refused.sentence
            if refused.retryable:
                sentence = f"{sentence} The one before goes on."
                raise replace(refused, sentence=sentence, field="token") from None
            if refused.code == "token_expired":
                sentence = "This token has expired, too."
            raise _not_taken(sentence, refused.detail) from None
        if caller.user_id != config.user_id:
            raise _not_taken("The token is of another user (sub).")
        if not config.scopes <= caller.scopes:
            raise _not_taken("The token lacks a scope that this call has.")
        return replace(caller, claims={})

    def models_for(self, caller: Caller) -> tuple[str, ...]:
        """Those that *caller* may ask for, the one first that it gets unasked.

        Raises:
            Refused: ``token_invalid``, if what its token says of a call cannot be.
        """
        return self._terms.models_for(caller)

    def offered(self) -> Mapping[str, Mapping[str, Any]]:
        """What a page can let its user choose before there is a call (`Terms.offered`)."""
        return self._terms.offered()

    def of_owner(self, owner: Owner, whose: str, plan: str) -> tuple[Settings, tuple[Quota, ...]]:
        """As `Standings.of_owner`, by the settings of now."""
        return self._standings.of_owner(owner, whose, plan)


def _coming_back(knock: Knock) -> Knock | None:
    """What counts of a request if it goes on with a call; None: it does not ask for that."""
    if "resume" not in knock.query:
        return None
    return replace(knock, query={name: knock.query[name] for name in RESUMING & knock.query.keys()})


def _origin_rules(settings: Settings) -> OriginRules:
    origins = settings.server.allowed_origins
    everything = settings.server.environment == "development" and not origins
    return OriginRules.read(origins, everything=everything)


def _not_taken(sentence: str, detail: str | None = None) -> Refused:
    return Refused("token_invalid", f"{sentence} The one before goes on.", "token", detail=detail)
