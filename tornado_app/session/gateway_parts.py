"""What every call has that the gateway conducts: put together, who knows whom."""

from tornado_app.session.answers import Answers
from tornado_app.session.awaited_words import AwaitedWords
from tornado_app.session.configuring import Configuring
from tornado_app.session.confirmations import Confirmations
from tornado_app.session.formatting import Formatting
from tornado_app.session.parts import Parts
from tornado_app.session.uplink import Uplink


class GatewayParts:
    """Of one session, beside its `Parts`.  Thread: loop."""

    def __init__(self, parts: Parts) -> None:
        config, model, actions = parts.config, parts.model, parts.actions
        timers, budget = parts.timers, parts.budget
        self.confirmations = Confirmations(
            model, actions, timers, config.answers.response_timeout_s
        )
        self.uplink = Uplink(
            config,
            model,
            actions,
            timers,
            budget=budget,
            backlog=parts.backlog,
            confirmations=self.confirmations,
        )
        self.answers = Answers(config, model, actions, timers, budget)
        self.downlink = self.answers.downlink
        self.formatting = Formatting(config, actions, self.uplink, self.downlink)
        self.configuring = Configuring(
            config, model, actions, timers, budget, formatting=self.formatting
        )
        self.awaited = AwaitedWords(
            model, actions, timers, self.downlink, timeout_s=config.answers.response_stall_s
        )
