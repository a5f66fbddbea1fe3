"""What every session has, whoever conducts: put together, who knows whom."""

from collections.abc import Callable

from tornado_app.admission.budget import Budget
from tornado_app.session.actions import Actions
from tornado_app.session.backlog import Backlog
from tornado_app.session.config import SessionConfig
from tornado_app.session.connecting import Connecting
from tornado_app.session.connection_reports import ConnectionReports
from tornado_app.session.ledger.ledger import Ledger
from tornado_app.session.ledger.speech import SpeechKept
from tornado_app.session.lifetime import Lifetime
from tornado_app.session.model_side import ModelSide
from tornado_app.session.prepared import PreparedModel
from tornado_app.session.rates import Rates
from tornado_app.session.rebuilding import Rebuilding
from tornado_app.session.scribe import Scribe
from tornado_app.session.summing_up import SummingUp
from tornado_app.session.timers import Timers


class Parts:
    """Of one session.  Thread: loop."""

    def __init__(self, config: SessionConfig, budget: Budget, jitter: Callable[[], float]) -> None:
        self.config = config
        self.budget = budget
        self.actions = actions = Actions(config)
        self.timers = timers = Timers()
        self.ledger = Ledger(config.memory.ledger_entries, config.memory.ledger_bytes)
        self.rebuilding = Rebuilding(self.ledger, SpeechKept(config.memory.speech_kept_ms))
        self.summing_up = SummingUp(config.memory, actions, self.ledger)
        self.scribe = Scribe(self.rebuilding)
        self.model = ModelSide(config, actions, timers, budget, jitter, rebuilding=self.rebuilding)
        self.reports = ConnectionReports(config, actions, self.model)
        self.connecting = Connecting(
            config, actions, timers, jitter, model=self.model, reports=self.reports
        )
        self.prepared = PreparedModel(config, actions, budget, jitter)
        self.backlog = Backlog(config, actions, timers, budget)
        self.rates = Rates(config.rates)
        self.lifetime = Lifetime(config, actions, timers)
