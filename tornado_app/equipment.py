"""What all connections share."""

import time
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from dataclasses import dataclass, field

from tornado_app.admission.budget import ProcessBudget
from tornado_app.admission.claims import Caller
from tornado_app.audio.file_decoder import FileDecoder
from tornado_app.audio.pipeline import Post
from tornado_app.audio.uplink_lane import Lanes
from tornado_app.metrics.tally import Tally
from tornado_app.recordings.recorder import Recorder
from tornado_app.session.config import SessionConfig
from tornado_app.tools.toolbox import Toolbox
from tornado_app.upstream.any_link import AnyLink
from tornado_app.upstream.dial import Dial
from tornado_app.upstream.several import Several
from tornado_app.upstream.spares import Spares


@dataclass(frozen=True, slots=True)
class Equipment:
    """Of one process, whose gateway ends what is in it.  Thread: loop."""

    loop: AbstractEventLoop
    mailbox: Post
    pipeline: Lanes
    files: FileDecoder
    dial: Callable[[SessionConfig], Dial]
    retire: Callable[[AnyLink], None]
    """Takes a link that has ended, to join its thread off the loop."""
    memory: ProcessBudget
    on_model: Callable[[bool], None]
    """Hears of each session that the model took, or refused for good."""
    check_token: Callable[[str, SessionConfig], Caller]
    """Who shows a token by which that session may go on; raises `Refused`."""
    clock: Callable[[], float] = time.monotonic
    keys_for: Callable[[str], Future[None] | None] = lambda _: None
    """What to wait for before `check_token` can judge a token."""
    tools: Toolbox = field(default_factory=Toolbox)
    recorder: Recorder | None = None
    """None: no call is recorded."""
    tally: Tally = field(default_factory=Tally)
    several: Several | None = None
    """The upstreams, if there are more than one; else *dial* says where the one is."""
    spares: Spares | None = None
    """Links to the first that are open already."""
