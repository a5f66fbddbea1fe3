"""How bad each event of the log is: what an operator must do decides (docs/operations.md, Logs).

- error: a person must act: the settings, the key, the system, or a fault of ours to report
- warning: something was lost, or the model refused something
- info: the life of the process and of calls
- debug: the rest
"""

from collections.abc import Mapping
from typing import Literal, get_args

Level = Literal["debug", "info", "warning", "error"]

_EVENTS: Mapping[Level, tuple[str, ...]] = {
    "error": (
        "accepting_rests",
        "audit_failed",
        "audio_worker_failed",
        "bans_unreadable",
        "bans_unwritten",
        "few_descriptors",
        "handler_failed",
        "issuer_keys_missing",
        "issuer_keys_unreadable",
        "link_stuck",
        "local_model_died",
        "mailbox_callback_failed",
        "model_rejects",
        "places_failed",
        "process_died",
        "processes_given_up",
        "reload_failed",
        "reload_refused",
        "revocations_unreadable",
        "session_failed",
        "socket_callback_failed",
        "tool_broke",
        "spare_links_failed",
        "tracing_failed",
        "trial_failed",
        "upstream_end_not_posted",
        "upstream_failed",
        "usage_lost",
        "usage_unwritten",
        "upstream_rejected",
    ),
    "warning": (
        "audio_dropped",
        "audio_lost",
        "build_not_loaded",
        "core_not_kept",
        "file_decoder_ended",
        "issuer_keys_stale",
        "lines_lost",
        "mcp_server_away",
        "mcp_tools_missing",
        "model_unreachable",
        "next_model_lost",
        "recording_failed",
        "response_failed",
        "shared_away",
        "restart_needed",
        "revocations_wrong",
        "spans_lost",
        "summary_failed",
        "tool_failed",
        "tool_left_running",
        "transcription_failed",
        "upstream_error",
        "upstream_late",
        "upstream_lost",
        "answer_audio_broken",
        "upstream_malformed",
        "upstream_out",
        "upstream_passed_over",
        "visitors_cut",
        "usage_unread",
    ),
    "info": (
        "admin_action",
        "answer_heard",
        "false_start",
        "goodbye_asked",
        "limit_near",
        "quota_used_up",
        "audio_committed",
        "client_away",
        "client_back",
        "client_paused",
        "client_refused",
        "core_kept",
        "draining",
        "file_decoder_started",
        "interrupted",
        "issuer_keys",
        "local_model_restarted",
        "mcp_tools",
        "model_accepts",
        "picture_taken",
        "recording_made",
        "recordings_removed",
        "reloaded",
        "response_done",
        "revocations_read",
        "rolled_over",
        "session_closed",
        "session_configured",
        "session_opened",
        "setting_changed",
        "spare_link_lost",
        "spare_link_stale",
        "shared_back",
        "started",
        "stopped",
        "summed_up",
        "token_issued",
        "token_refreshed",
        "token_refused",
        "tool_done",
        "tool_filler",
        "upstream_back",
        "update_narrowed",
        "upstream_connected",
    ),
    "debug": (
        "client_vanished",
        "memory_given_back",
        "next_dialled",
        "place_uncounted",
        "request",
        "response_begun",
        "tool_called",
        "transcribed",
        "upstream_dialled",
        "upstream_open",
    ),
}

LEVELS: Mapping[str, Level] = {
    event: level for level, events in _EVENTS.items() for event in events
}

# The numbers of the library `logging`, which the pure core does not know.
_NUMBERS: Mapping[Level, int] = dict(zip(get_args(Level), (10, 20, 30, 40), strict=True))


def level_number(event: str) -> int:
    """For `logging`.  An event that nobody has judged is shown rather than lost: as an error."""
    return _NUMBERS[LEVELS.get(event, "error")]
