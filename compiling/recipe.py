"""What is compiled, and how; and where it then lies."""

from pathlib import Path
from typing import NamedTuple


class Recipe(NamedTuple):
    """What makes one build another than the next, beside sources and Python.  Thread: any."""

    modules: tuple[str, ...]
    """They call each other directly, as one group; all others go through Python."""
    mypy: str
    """Its version, as requirements-compile.in has it: mypyc is a part of it."""
    optimisation: str
    """Of the C compiler, as in ``-O2``."""
    packages: tuple[str, ...]
    """Those whose sources are looked at: a module is compiled by the types of what it uses."""


HOT_PATH = Recipe(
    modules=(
        "tornado_app.admission.budget",
        "tornado_app.admission.limits",
        "tornado_app.audio.pipeline",
        "tornado_app.audio.uplink_lane",
        "tornado_app.call_audio",
        "tornado_app.call_client",
        "tornado_app.client_side.frames",
        "tornado_app.client_side.gathered_writes",
        "tornado_app.client_side.read_watch",
        "tornado_app.client_side.stream",
        "tornado_app.client_side.strict_websocket",
        "tornado_app.client_side.unfinished",
        "tornado_app.client_side.writer",
        "tornado_app.connection",
        "tornado_app.handlers.client_socket",
        "tornado_app.links",
        "tornado_app.mailbox",
        "tornado_app.performer",
        "tornado_app.protocol.realtime.order_text",
        "tornado_app.protocol.voice_v1.server",
        "tornado_app.reading_on",
        "tornado_app.resuming.line",
        "tornado_app.session.actions",
        "tornado_app.session.admitting",
        "tornado_app.session.answering",
        "tornado_app.session.answers",
        "tornado_app.session.asking",
        "tornado_app.session.backlog",
        "tornado_app.session.conductor",
        "tornado_app.session.config",
        "tornado_app.session.conversation_memory",
        "tornado_app.session.delivery",
        "tornado_app.session.downlink",
        "tornado_app.session.gateway_conducts",
        "tornado_app.session.hearing",
        "tornado_app.session.kept",
        "tornado_app.session.known_answers",
        "tornado_app.session.lateness",
        "tornado_app.session.ledger.in_order",
        "tornado_app.session.ledger.ledger",
        "tornado_app.session.ledger.speech",
        "tornado_app.session.lifetime",
        "tornado_app.session.machine",
        "tornado_app.session.memory",
        "tornado_app.session.model_side",
        "tornado_app.session.order_gate",
        "tornado_app.session.output",
        "tornado_app.session.parts",
        "tornado_app.session.patience",
        "tornado_app.session.pending_queue",
        "tornado_app.session.pieces",
        "tornado_app.session.playout",
        "tornado_app.session.probe",
        "tornado_app.session.rates",
        "tornado_app.session.recorded",
        "tornado_app.session.rounds",
        "tornado_app.session.scribe",
        "tornado_app.session.sent",
        "tornado_app.session.timers",
        "tornado_app.session.tools",
        "tornado_app.session.uplink",
        "tornado_app.session.way_out",
        "tornado_app.upstream.socket",
        "tornado_app.watching.looking",
        "workers.base64_text",
        "workers.chain",
        "workers.clipping",
        "workers.codecs",
        "workers.conditioned_chain",
        "workers.joined_chain",
        "workers.joining",
        "workers.level",
        "workers.lockstep",
        "workers.magic",
        "workers.pcm",
        "workers.pool",
        "workers.resample",
        "workers.spectra",
        "workers.tape",
    ),
    mypy="2.4.1",
    optimisation="1",
    packages=("tornado_app", "workers"),
)
"""What a chunk of speech passes on its way up, and a piece of an answer on its way down."""


def place_of(root: Path) -> Path:
    """Where a build of the tree at *root* is."""
    return root / "build" / "compiled"
