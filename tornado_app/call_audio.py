"""The audio of one call on its way through the pool, in the formats that it has."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, assert_never

from tornado_app.audio.file_decoder import FileDecoder
from tornado_app.audio.pipeline import nobody
from tornado_app.audio.uplink_lane import LaneOutcome, Lanes, UplinkLane
from tornado_app.errors import ErrorCode, Refused
from tornado_app.protocol.opening import MODEL_FORMAT
from tornado_app.session import commands, events
from tornado_app.session.config import SessionConfig
from workers.blocks import Block
from workers.conditioned_chain import Conditioning
from workers.conversions import to_client, to_model
from workers.pcm import BadAudio
from workers.pool import Outcome, WorkFailed


class CallAudio:
    """Two lanes, and what their answers mean to a session.  Thread: loop."""

    __slots__ = ("_conditioning", "_feed", "_log", "downlink", "uplink")

    def __init__(
        self,
        config: SessionConfig,
        pipeline: Lanes,
        files: FileDecoder,
        feed: Callable[[events.Event], None],
        log: Any,
    ) -> None:
        self._feed = feed
        self._log = log
        self._conditioning = Conditioning(config.uplink.remove_dc, config.uplink.limit_peaks)
        uplink = to_model(config.source, MODEL_FORMAT, self._conditioning)
        downlink = to_client(MODEL_FORMAT, config.target, as_base64=not config.binary_output)
        self.uplink = UplinkLane(pipeline, files, uplink, self._on_uplink)
        self.downlink = pipeline.lane(downlink, self._on_downlink)

    def perform(self, command: commands.LaneCommand) -> None:
        match command:
            case commands.DecodeUplink(text, container):
                self.uplink.put_file(text, container)
            case commands.FlushUplink():
                self.uplink.flush()
            case commands.ResetUplink():
                self.uplink.reset()
            case commands.HoldUplink():
                self.uplink.hold()
            case commands.ReleaseUplink():
                self.uplink.release()
            case commands.FlushDownlink():
                self.downlink.flush()
            case commands.ResetDownlink():
                self.downlink.reset()
            case _:
                assert_never(command)

    def change(
        self, command: commands.ChangeUplink | commands.ChangeDownlink, config: SessionConfig
    ) -> SessionConfig:
        """Go on in another format, one way; returns *config* as the next link is dialled."""
        begun = command.has_begun
        if isinstance(command, commands.ChangeUplink):
            chain = to_model(command.source, MODEL_FORMAT, self._conditioning, joins=True)
            self.uplink.change(chain, has_begun=begun)
            return replace(config, source=command.source)
        as_base64 = command.as_base64
        chain = to_client(MODEL_FORMAT, command.target, as_base64=as_base64, joins=True)
        self.downlink.change(chain, has_begun=begun)
        return replace(config, target=command.target, binary_output=not as_base64)

    def end(self) -> None:
        """Forget everything, and whom it was for."""
        self.uplink.end()
        self.downlink.end()
        self._feed = nobody

    def _on_uplink(self, outcome: LaneOutcome) -> None:
        if isinstance(outcome, Block):  # nearly always
            self._feed(events.UplinkReady(outcome))
        else:
            self._feed(events.UplinkReady(self._result(outcome)))

    def _on_downlink(self, outcome: Outcome) -> None:
        self._feed(events.DownlinkReady(self._result(outcome)))

    def _result(self, outcome: LaneOutcome) -> events.Converted | events.Unusable:
        match outcome:
            case Block():
                return outcome
            case BadAudio():
                is_format = outcome.reason == "container"
                code: ErrorCode = "unsupported_format" if is_format else "invalid_audio"
                return events.Unusable(outcome.sentence, code)
            case Refused():
                return events.Unusable(outcome.sentence, outcome.code, outcome.retry_after_ms)
            case WorkFailed(error):
                self._log.error("audio_worker_failed", exception=error)
                return events.Unusable(None)
