"""What every call has that its client conducts: put together, who knows whom."""

from tornado_app.protocol.opening import MODEL_FORMAT
from tornado_app.session.parts import Parts
from tornado_app.session.relaying.answers import Answers
from tornado_app.session.relaying.begun_items import BegunItems
from tornado_app.session.relaying.converting import Converting
from tornado_app.session.relaying.forgotten import Forgotten
from tornado_app.session.relaying.given_up import GivenUp
from tornado_app.session.relaying.item_events import ItemEvents
from tornado_app.session.relaying.outstanding import Outstanding
from tornado_app.session.relaying.owed import Owed
from tornado_app.session.relaying.owed_words import OwedWords
from tornado_app.session.relaying.speaking import Speaking
from tornado_app.session.relaying.standing import Client
from tornado_app.session.relaying.straight import Straight
from tornado_app.session.relaying.tools import Tools
from tornado_app.session.relaying.updating import Updating
from tornado_app.session.relaying.veil import Veil
from tornado_app.session.sent import Sent


class RelayedParts:
    """Of one session, beside its `Parts`.  Thread: loop."""

    def __init__(self, parts: Parts) -> None:
        config, model, actions = parts.config, parts.model, parts.actions
        self.way = _way(parts)
        self.speaking = Speaking(parts)
        self.veil = Veil(config)
        self.outstanding = Outstanding(parts.budget)
        self.client = Client(config, model, self.veil)
        self.updating = Updating(
            model,
            actions,
            self.outstanding,
            connecting=parts.connecting,
            client=self.client,
            veil=self.veil,
            speaking=self.speaking,
            way=self.way,
        )
        self.owed = Owed(actions, model)
        self.owed_words = OwedWords(actions, model)
        self.begun_items = BegunItems()
        self.answers = Answers(
            actions,
            model,
            parts.timers,
            client=self.client,
            veil=self.veil,
            way=self.way,
            owed=self.owed,
            begun_items=self.begun_items,
            timeout_s=config.answers.response_timeout_s,
        )
        self.tools = Tools(parts, self.answers, self.veil)
        self.forgotten = Forgotten()
        self.given_up = GivenUp()
        self.items = ItemEvents(
            model,
            parts.scribe,
            answers=self.answers,
            tools=self.tools,
            outstanding=self.outstanding,
            veil=self.veil,
            clock=self.speaking.clock,
            forgotten=self.forgotten,
            given_up=self.given_up,
            begun=self.begun_items,
        )


def _way(parts: Parts) -> Straight | Converting:
    actions, sent = parts.actions, Sent(parts.config, parts.actions)
    if parts.config.target == MODEL_FORMAT:
        return Straight(actions, sent)
    return Converting(actions, sent)
