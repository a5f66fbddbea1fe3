"""What settings and system mean for every call."""

import secrets
import time

from tornado_app.admission.claims import Caller
from tornado_app.audio.file_decoder import FileRules
from tornado_app.house_terms import may_transcribe
from tornado_app.protocol.opening import Opening, OpeningRules
from tornado_app.session.config import (
    AnswerRules,
    DiallingRules,
    MemoryRules,
    PictureRules,
    PresenceRules,
    QuotaRules,
    RateRules,
    RollOverRules,
    SessionConfig,
    TimeRules,
    ToolRules,
    UplinkRules,
)
from tornado_app.session.record import RecordedParts
from tornado_app.settings.schema import Settings
from tornado_app.terms import CallTerms
from tornado_app.tools.toolbox import Toolbox
from workers.opus import library as opus

RESPONSE_TIMEOUT_S = 15.0
"""The model begins to answer in under a second; 15 s is a fault."""


def file_rules(settings: Settings) -> FileRules:
    """What one file may cost."""
    audio = settings.audio
    return FileRules(
        play_ms=audio.file_ms,
        timeout_s=audio.file_timeout_s,
        memory_bytes=audio.file_memory_bytes,
        remove_dc=audio.remove_dc,
        limit_peaks=audio.limit_peaks,
    )


def opening_rules() -> OpeningRules:
    """What this server can do for a client."""
    return OpeningRules(has_opus=opus.find() is not None)


def tool_rules(settings: Settings, caller: Caller, terms: CallTerms, toolbox: Toolbox) -> ToolRules:
    """What the model of a call may have done for it."""
    if terms.model_session.only_transcribes:  # nobody calls a tool in a call without answers
        return ToolRules()
    tools = settings.tools
    return ToolRules(
        toolbox.functions(caller.scopes),
        tools.calls_at_once,
        tools.arguments_bytes,
        tools.result_bytes,
        tools.client_timeout_s,
        toolbox.handed(caller.scopes),
        filler=tools.filler,
        filler_after_ms=tools.filler_after_ms,
    )


def picture_rules(settings: Settings, terms: CallTerms) -> PictureRules:
    """What the client of a call may show."""
    limits = settings.limits
    return PictureRules(
        are_allowed=terms.rules.allows_images(terms.model_session),
        size_bytes=limits.image_bytes,
        side_px=limits.image_side_px,
        per_call=limits.images_per_call,
        per_minute=limits.images_per_minute,
    )


def time_rules(settings: Settings, terms: CallTerms) -> TimeRules:
    """How long what may last in a call; what is said of that in its terms only narrows it."""
    session, asked = settings.session, terms.model_session
    return TimeRules(
        idle_timeout_s=_shorter(session.idle_timeout_s, asked.idle_timeout_s),
        idle_warning_s=session.idle_warning_s,
        max_call_s=_shorter(session.max_call_s, asked.max_call_s),
        call_warning_s=session.call_warning_s,
        call_grace_s=session.call_grace_s,
        goodbye="" if asked.only_transcribes else session.goodbye,
        microphone_silence_s=session.microphone_silence_s,
        first_audio_s=session.first_audio_timeout_s,
    )


def quota_rules(settings: Settings, terms: CallTerms, currency: str) -> QuotaRules:
    """What a call says of quotas."""
    goodbye = "" if terms.model_session.only_transcribes else settings.quotas.goodbye
    return QuotaRules(tuple(sorted(settings.quotas.warn_at)), goodbye, currency)


def _shorter(*limits_s: float) -> float:
    """The shortest; 0 is none."""
    return min((limit_s for limit_s in limits_s if limit_s), default=0.0)


def recorded_parts(settings: Settings, wanted: bool | None) -> RecordedParts | None:
    """What is written down of a call of whose recording its token says *wanted*; None: nothing."""
    recordings = settings.recordings
    is_recorded = {"none": False, "asked": wanted is True, "all": wanted is not False}
    return recordings.parts if is_recorded[recordings.calls] else None


def presence_rules(settings: Settings, *, client_conducts: bool) -> PresenceRules:
    """When its client is silent, and when it is gone."""
    heartbeat, session = settings.heartbeat, settings.session
    return PresenceRules(
        ping_interval_s=heartbeat.interval_s,
        read_timeout_s=heartbeat.read_timeout_s,
        # Clients of the API begin anew.
        resume_window_s=0.0 if client_conducts else session.resume_window_s,
        resume_bytes=session.resume_bytes,
    )


def dialling_rules(settings: Settings) -> DiallingRules:
    """How a call comes to its model."""
    upstream = settings.upstream
    return DiallingRules(
        ready_timeout_s=upstream.ready_timeout_s,
        reconnect_attempts=upstream.reconnect_attempts,
        reconnect_initial_ms=upstream.reconnect_initial_ms,
        reconnect_max_ms=upstream.reconnect_max_ms,
        upstreams=1 + len(upstream.fallbacks),
    )


def answer_rules(settings: Settings) -> AnswerRules:
    """What holds for answers."""
    session, upstream = settings.session, settings.upstream
    return AnswerRules(
        response_timeout_s=RESPONSE_TIMEOUT_S,
        response_stall_s=upstream.response_stall_s,
        lost_answer=upstream.lost_answer,
        false_start=session.false_start,
        false_start_ms=session.false_start_ms,
        most_output_tokens=session.max_output_tokens,
    )


def uplink_rules(settings: Settings) -> UplinkRules:
    """What becomes of speech on its way to the model."""
    audio = settings.audio
    return UplinkRules(
        hold_ms=audio.hold_ms,
        backlog=audio.backlog,
        outbox_bytes=settings.upstream.outbox_bytes,
        file_bytes=audio.file_bytes,
        remove_dc=audio.remove_dc,
        limit_peaks=audio.limit_peaks,
    )


def rate_rules(settings: Settings) -> RateRules:
    """How much a client may say in which time."""
    limits = settings.limits
    return RateRules(
        audio_rate=limits.audio_rate,
        audio_burst_ms=limits.audio_burst_ms,
        messages_per_s=limits.messages_per_s,
        message_burst=limits.message_burst,
        errors_per_minute=limits.errors_per_minute,
        format_changes_per_minute=limits.format_changes_per_minute,
    )


def memory_rules(settings: Settings, toolbox: Toolbox, *, client_conducts: bool) -> MemoryRules:
    """What is kept of a conversation."""
    session = settings.session
    return MemoryRules(
        ledger_entries=session.ledger_entries,
        ledger_bytes=session.ledger_bytes,
        # What a client conducts has no item that it does not know.
        summary_timeout_s=0.0 if client_conducts else toolbox.summary_timeout_s,
        speech_kept_ms=settings.upstream.speech_kept_ms,
    )


def roll_over_rules(settings: Settings) -> RollOverRules:
    """When a call goes over to another model's session."""
    upstream = settings.upstream
    return RollOverRules(
        session_limit_s=upstream.session_limit_s,
        roll_over_before_s=upstream.roll_over_before_s,
        return_after_s=upstream.return_after_s,
        context_tokens=upstream.context_tokens,
    )


def session_config(
    settings: Settings,
    caller: Caller,
    opening: Opening,
    terms: CallTerms,
    toolbox: Toolbox,
    *,
    client_conducts: bool,
    currency: str,
) -> SessionConfig:
    """The facts of a call that begins now."""
    return SessionConfig(
        session_id=f"sess_{secrets.token_hex(10)}",
        user_id=caller.user_id,
        scopes=caller.scopes,
        model_session=terms.model_session,
        call_rules=terms.rules,
        source=opening.source,
        target=opening.target,
        passes_through=opening.passes_through,
        binary_output=opening.output_encoding == "binary",
        outbound_bytes=settings.limits.outbound_bytes,
        wants_resume=opening.wants_resume,
        ignored=opening.ignored,
        opened_at=time.monotonic(),
        opened_at_unix_ms=time.time_ns() // 1_000_000,
        token_expires_at_unix_s=caller.call_ends_at,
        token_leeway_s=settings.auth.leeway_s,
        presence=presence_rules(settings, client_conducts=client_conducts),
        dialling=dialling_rules(settings),
        answers=answer_rules(settings),
        uplink=uplink_rules(settings),
        rates=rate_rules(settings),
        call_bytes=settings.limits.call_bytes,
        tools=tool_rules(settings, caller, terms, toolbox),
        pictures=picture_rules(settings, terms),
        has_opus=opening_rules().has_opus,
        memory=memory_rules(settings, toolbox, client_conducts=client_conducts),
        roll_over=roll_over_rules(settings),
        model_is_open="model" not in opening.choices,
        transcription_models=may_transcribe(settings),
        times=time_rules(settings, terms),
        quotas=quota_rules(settings, terms, currency),
        token_id=caller.token_id,
        client_conducts=client_conducts,
        recorded=recorded_parts(settings, terms.model_session.record),
        shows_cost=settings.usage.show_cost,
        is_timed=settings.metrics.enabled,
    )
