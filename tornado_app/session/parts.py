"""The parts of a session, put together: who knows whom."""

from collections.abc import Callable

from tornado_app.admission.budget import Budget
from tornado_app.session.actions import Actions
from tornado_app.session.answers import Answers
from tornado_app.session.awaited_words import AwaitedWords
from tornado_app.session.backlog import Backlog
from tornado_app.session.config import SessionConfig
from tornado_app.session.configuring import Configuring
from tornado_app.session.confirmations import Confirmations
from tornado_app.session.deadlines import Deadlines
from tornado_app.session.formatting import Formatting
from tornado_app.session.hearing import Hearing
from tornado_app.session.ledger.ledger import Ledger
from tornado_app.session.ledger.speech import SpeechKept
from tornado_app.session.lifetime import Lifetime
from tornado_app.session.listening import Listening
from tornado_app.session.memory import Memory
from tornado_app.session.model_side import ModelSide
from tornado_app.session.rates import Rates
from tornado_app.session.rebuilding import Rebuilding
from tornado_app.session.scribe import Scribe
from tornado_app.session.timers import Timers
from tornado_app.session.uplink import Uplink


class Parts:
    """Of one session.  Thread: loop."""

    def __init__(self, config: SessionConfig, budget: Budget, jitter: Callable[[], float]) -> None:
        self.actions = actions = Actions(config)
        self.timers = timers = Timers()
        self.ledger = Ledger(config.ledger_entries, config.ledger_bytes)
        rebuilding = Rebuilding(self.ledger, SpeechKept(config.speech_kept_ms))
        self.model = model = ModelSide(
            config, actions, timers, budget, jitter, rebuilding=rebuilding
        )
        self.backlog = Backlog(config, actions, timers, budget)
        confirmations = Confirmations(model, actions, timers, config.response_timeout_s)
        self.uplink = Uplink(
            config,
            model,
            actions,
            budget=budget,
            backlog=self.backlog,
            confirmations=confirmations,
        )
        self.answers = Answers(config, model, actions, timers, budget)
        downlink = self.answers.downlink
        self.memory = Memory(budget, downlink, rebuilding)
        self.formatting = formatting = Formatting(config, actions, self.uplink, downlink)
        self.configuring = Configuring(
            config, model, actions, timers, budget, formatting=formatting
        )
        self.words = AwaitedWords(
            model, actions, timers, downlink, timeout_s=config.response_stall_s
        )
        self.hearing = Hearing(
            actions,
            model,
            self.uplink,
            self.answers,
            self.configuring,
            scribe=Scribe(rebuilding),
            awaited=self.words,
        )
        self.rates = Rates(config)
        self.lifetime = Lifetime(config, actions, timers)
        self.listening = Listening(
            config,
            actions,
            model,
            self.uplink,
            self.answers,
            rates=self.rates,
            configuring=self.configuring,
            formatting=formatting,
            lifetime=self.lifetime,
        )
        self.deadlines = Deadlines(
            model,
            self.answers,
            confirmations,
            self.configuring,
            self.lifetime,
            awaited=self.words,
        )
