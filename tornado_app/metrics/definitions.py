"""Every metric of Parley.  docs/metrics.md is made of this file.

Names are those of Prometheus: base units, ``_total`` for what only grows.  Nothing here knows a
user: who called stands in the log, which is not kept for ever.
"""

from typing import get_args

from tornado_app.metrics import vocabulary as words
from tornado_app.metrics.kinds import Chapter, Label
from tornado_app.protocol.told import UpstreamStatus

BRIEF_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
WAIT_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
CALL_S = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)

_WAY = Label("direction", ("from_client", "to_client"))
_ONWARD = Label("direction", ("to_model", "to_client"))
_CODE = Label("code", words.CODES)
_TOOL = Label("tool")


_calls = Chapter("Calls, and those who may not have one")

CALLS_OPEN = _calls.gauge(
    "calls_open",
    "Calls that are open, by what their model is; `away`: their client is lost and may come back.",
    Label("state", (*get_args(UpstreamStatus), "away")),
)
CALLS_LIMIT = _calls.gauge("calls_limit", "How many there may be (`limits.connections`).")
CALLS_OPENED = _calls.counter(
    "calls_opened", "Calls that began.", Label("session", ("realtime", "transcription"))
)
CALLS_ENDED = _calls.counter(
    "calls_ended",
    "Calls that ended, by the `cause` of `session_closed` in the log.",
    Label("cause", words.CALL_CAUSES),
)
CALL_DURATION = _calls.histogram("call_duration_seconds", "How long calls took that ended.", CALL_S)
REFUSALS = _calls.counter(
    "refusals",
    "Requests that were not let in: openings of calls, `POST /sessions`, the console's token.",
    _CODE,
)
ERRORS = _calls.counter("errors", "`error` messages to clients in calls.", _CODE)
CLIENTS_LOST = _calls.counter(
    "clients_lost", "Clients that went without a word, and may come back."
)
CALLS_RESUMED = _calls.counter("calls_resumed", "Calls with which a client has gone on.")
CALLS_UNCOUNTED = _calls.counter(
    "calls_uncounted",
    "Calls that began by what this machine counts alone, as Redis did not answer (`[shared]`).",
)
UNAUTHENTICATED = _calls.gauge(
    "unauthenticated_sockets", "Sockets of which nobody has shown a token (yet)."
)
VISITORS_CUT = _calls.counter(
    "visitors_cut",
    "Sockets without a token that gave way to newer ones.",
    Label("limit", ("unauthenticated", "unauthenticated_per_address")),
)

_audio = Chapter("Audio and bytes")

AUDIO = _audio.counter(
    "audio_seconds", "Audio of clients that was taken, and of answers that was sent.", _WAY
)
CHUNKS = _audio.counter(
    "audio_chunks", "Messages with audio: of clients, also refused ones, and to clients.", _WAY
)
CLIENT_BYTES = _audio.counter(
    "client_bytes", "Bytes of WebSockets after the upgrade, frames of every kind.", _WAY
)
AUDIO_DROPPED = _audio.counter(
    "audio_dropped_seconds", "Audio of clients that was not taken or dropped (`audio_backlog`)."
)
AUDIO_LOST = _audio.counter("audio_lost_seconds", "Audio that was lost with a model.")
CLIPPED = _audio.counter("audio_clipped_samples", "Samples of clients beyond full scale.")
CLIENTS_PAUSED = _audio.counter(
    "clients_paused",
    "Times that a client was read no further for a while.",
    Label("why", ("too_fast", "model_slow", "converting", "memory")),
)

_waits = Chapter("What waits, and how long")

LANES = _waits.gauge(
    "lane_waiting", "Pieces of audio that wait for the pool or are in it.", _ONWARD
)
AUDIO_WAITING = _waits.gauge(
    "audio_waiting_seconds", "Audio that was taken and has not gone on, of all calls.", _ONWARD
)
POOL_JOBS = _waits.gauge("pool_jobs", "Jobs of the audio pool that are not done.")
POOL_OLDEST = _waits.gauge(
    "pool_oldest_job_seconds", "How old the oldest of them is; 0: there is none."
)
POOL_WAIT = _waits.histogram(
    "pool_wait_seconds", "How long a job waited for a thread of the pool.", BRIEF_S
)
POOL_RUN = _waits.histogram(
    "pool_run_seconds", "How long a thread of the pool took for a job.", BRIEF_S
)
LINKS = _waits.gauge("links_open", "Sockets to models, also those that are dialled or say goodbye.")
LINK_UNSENT = _waits.gauge("link_unsent_bytes", "What waits for the sockets of models.")
LINK_UNREAD = _waits.gauge(
    "link_unread_bytes", "What models have said and no session has heard yet."
)
CLIENT_UNSENT = _waits.gauge("client_unsent_bytes", "What waits for the sockets of clients.")
ADDED_LATENCY = _waits.histogram(
    "added_latency_seconds",
    "What the gateway adds to audio that waits for nobody else: from its arrival until it is given "
    "to the other side's socket.  Of each call one piece a second is timed.",
    BRIEF_S,
    _ONWARD,
)
ANSWER_WAIT = _waits.histogram(
    "answer_wait_seconds",
    "How long users waited from the end of their turn to the first of its answer, and for whom; "
    "the three add up, and `tools` counts turns that needed some.",
    WAIT_S,
    Label("by", ("model", "gateway", "tools")),
)

_model = Chapter("The model")

LINKS_CONNECTED = _model.counter(
    "links_connected",
    "Models that were ready for a call: its first, or another in its place.",
    Label("again", ("no", "yes")),
)
LINK_CONNECT = _model.histogram(
    "link_connect_seconds", "How long a dial took, TLS and upgrade with it.", BRIEF_S
)
SPARES_READY = _model.gauge(
    "spare_links", "Links that are open for whoever calls next (`upstream.spare_links`)."
)
SPARES_TAKEN = _model.counter("spare_links_taken", "Of those, the ones that calls have had.")
SPARES_STALE = _model.counter(
    "spare_links_stale", "Of those, the ones that turned out to be no good."
)
LINKS_LOST = _model.counter(
    "links_lost",
    "Models that were lost or refused, by the `cause` in the log; `retried`: dialled again.",
    Label("cause", words.LINK_CAUSES),
    Label("retried", ("no", "yes")),
)
ROLLOVERS = _model.counter(
    "rollovers",
    "Calls that went over to another session of their model before the one before was over; "
    "`forced`: in the middle of something.",
    Label("reason", ("session_limit", "context_limit")),
    Label("forced", ("no", "yes")),
)
MODEL_REJECTED = _model.gauge(
    "model_rejected", "1: the model refuses every call until a person acts (`model_rejects`)."
)
UPSTREAM_OUT = _model.gauge(
    "upstream_out",
    "1: calls are sent past this one of several upstreams (`upstream_out`).",
    Label("upstream"),
)
PASSED_OVER = _model.counter(
    "upstream_passed_over",
    "Dials of calls that went on to the next upstream, by the one that was passed.",
    Label("upstream"),
)
UPSTREAM_CALLS = _model.counter(
    "upstream_calls",
    "Models that were ready for a call, by which of several upstreams it was; again after a loss, "
    "and after a roll-over.",
    Label("upstream"),
)
MODEL_ERRORS = _model.counter(
    "model_errors", "`error` events of models.", Label("code", words.MODEL_CODES)
)
MODEL_LATE = _model.counter(
    "model_late",
    "What a model did not say in time (`upstream_late`).",
    Label(
        "waited_for",
        (
            "answer",
            "response.created",
            "first_audio",
            "response",
            "response.done",
            "unknown_response",
            "commit",
            "clear",
            "configure",
            "transcript",
        ),
    ),
)
TURNS = _model.counter("turns", "Turns of users that a model has committed.")
ANSWERS = _model.counter("answers", "Answers that ended.", Label("status", words.STATUSES))
ANSWERS_FAILED = _model.counter(
    "answers_failed", "Answers that failed, by the model's word.", Label("code", words.MODEL_CODES)
)
INTERRUPTIONS = _model.counter("interruptions", "Answers that were cut by their user.")
TRANSCRIPTIONS_FAILED = _model.counter(
    "transcriptions_failed", "Turns that a model could not write down."
)
TOKENS = _model.counter(
    "tokens",
    "Tokens by the count of models, of answers and of turns that were written down; all types "
    "together are their total.",
    Label("type", words.TOKEN_TYPES),
)

_tools = Chapter("Tools")

TOOL_CALLS = _tools.counter(
    "tool_calls",
    "Calls of tools that are over.  Tools of clients are `of_client`, those that the model calls "
    "itself `of_model`, names that there are not `unknown`.",
    _TOOL,
    Label("outcome", words.OUTCOMES),
)
TOOL_DURATION = _tools.histogram("tool_duration_seconds", "How long they took.", WAIT_S, _TOOL)

_process = Chapter("The process")

LOOP_LAG = _process.histogram(
    "loop_lag_seconds", "How late a timer of the loop was; one is due each half second.", BRIEF_S
)
THREADS = _process.gauge("threads", "Threads, by what they do.", Label("kind", words.THREADS))
TASKS = _process.gauge("tasks", "Tasks of the loop.")
MEMORY_HELD = _process.gauge(
    "memory_held_bytes", "What is kept of all calls together (`limits.process_bytes`)."
)
MEMORY_BUDGET = _process.gauge("memory_budget_bytes", "How much that may be.")
READY = _process.gauge("ready", "1: `/readyz` says ready.")
LOG_LINES = _process.counter(
    "log_lines",
    "Lines in the log, of warning and error, by event; what `logging.level` leaves out is not "
    "counted.",
    Label("level", ("warning", "error")),
    Label("event", words.EVENTS, "an event of [the log](operations.md#logs)"),
)
ISSUER_KEYS_AGE = _process.gauge(
    "issuer_keys_age_seconds",
    "How long ago an identity provider was asked for the keys that count.",
    Label("issuer"),
)
ISSUER_STATE = _process.gauge(
    "issuer_keys_state",
    "1 for how the keys of an identity provider are.",
    Label("issuer"),
    Label("state", ("asking", "good", "stale", "missing")),
)
REVOCATIONS_AGE = _process.gauge(
    "revocations_age_seconds", "How long ago `auth.revoked_file` was last seen as it is."
)
REVOCATIONS = _process.gauge(
    "revocations", "Who is taken back by it.", Label("kind", ("users", "tokens"))
)
SHARED_UP = _process.gauge("shared_up", "1: Redis answers (`[shared]`).")
SHARED_AWAY = _process.counter(
    "shared_away",
    "Times that it did not any more, by the `cause` of `shared_away` in the log.",
    Label("cause", words.SHARED_CAUSES),
)
LOCAL_MODEL_UP = _process.gauge("local_model_up", "1: the model on this computer runs.")
LOCAL_MODEL_DEATHS = _process.counter("local_model_deaths", "Times that it ended by itself.")
RECORDINGS_FAILED = _process.counter(
    "recordings_failed", "Recordings that are not whole, or not finished."
)
RECORDING_QUEUED = _process.gauge(
    "recording_queued_bytes", "What waits to be written of recordings."
)
USAGE_RECORDS = _process.counter(
    "usage_records",
    "Records of usage, by the setting that names their place, and what became of them: `lost`, "
    "there was no room while they could not be written, or the place does not take them.",
    Label("setting", words.USAGE_SETTINGS),
    Label("outcome", ("written", "lost")),
)
USAGE_WAITING = _process.gauge(
    "usage_waiting_records",
    "Records of usage that are not written yet, by the same.",
    Label("setting", words.USAGE_SETTINGS),
)
RELOADS = _process.counter(
    "reloads",
    "Times that the settings were read again: `done`; `refused` for something that is wrong in "
    "them; `failed` for a fault of ours.",
    Label("outcome", ("done", "refused", "failed")),
)
SPANS = _process.counter(
    "spans",
    "Spans of traces, by what became of them: `failed`, their collector did not take them; "
    "`dropped`, too many waited.",
    Label("outcome", ("exported", "failed", "dropped")),
)

_several = Chapter("Several processes (`server.processes`), of all of them")

PROCESSES = _several.gauge("processes", "How many there should be.")
PROCESS_ANSWERS = _several.gauge(
    "process_answers",
    "1: that process has told what it counts; 0: not in time, and its counters stand still.",
    Label("process", (), "the number of a process, from 0"),
)
PROCESS_DEATHS = _several.counter(
    "process_deaths", "Processes that ended by themselves, and were started again or given up."
)

_ONE = (_calls, _audio, _waits, _model, _tools, _process)
CHAPTERS = (*_ONE, _several)
METRICS = tuple(metric for chapter in _ONE for metric in chapter.metrics)
"""Of a process."""
OF_SEVERAL = tuple(_several.metrics)
"""Of the one that has started several."""
