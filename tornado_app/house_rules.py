"""What settings and system mean for every call."""

from tornado_app.audio.file_decoder import FileRules
from tornado_app.protocol.opening import OpeningRules
from tornado_app.protocol.realtime.functions import Function
from tornado_app.session.config import ToolRules
from tornado_app.settings.schema import Settings
from workers.opus import library as opus


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


def tool_rules(settings: Settings, functions: tuple[Function, ...]) -> ToolRules:
    """What the model of a call may have done for it."""
    tools = settings.tools
    return ToolRules(functions, tools.calls_at_once, tools.arguments_bytes, tools.result_bytes)
