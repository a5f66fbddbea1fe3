"""``run.py serve``: the gateway, until a signal ends it."""

import asyncio
import sys
from collections.abc import Callable

import msgspec

from compiling import loading
from terminal import signals, words
from tornado_app import cores, logs
from tornado_app.commands.announcement import announcement
from tornado_app.commands.configuration import read_house, token_rules
from tornado_app.commands.processes import Parent
from tornado_app.reloading import Reading
from tornado_app.serving import serve
from tornado_app.settings.reading import InvalidSettings
from tornado_app.settings.schema import Settings
from tornado_app.sharing import Listening, Share
from tornado_app.version import VERSION

OWN_DESCRIPTORS = 256
"""Files, libraries, pipes and the local model's socket; most of it is to spare."""


def run_several(settings: Settings, arguments: list[str]) -> int:
    """As `run`, with children that get the same *arguments*."""
    logs.configure(settings.logging.level, settings.logging.format)
    rules = token_rules(settings)

    def announce(listening: Listening) -> None:
        _tell_code()
        words.announce(*announcement(listening, settings, rules))

    async def supervise() -> int:
        return await Parent(settings, arguments).run(announce)

    try:
        with asyncio.Runner() as runner:
            return runner.run(supervise())
    except (OSError, RuntimeError) as error:
        words.complain(f"Parley could not start: {error}")
        return 1


def run(
    settings: Settings, read_settings: Callable[[], Settings], *, is_child: bool = False
) -> int:
    """0 when it was told to end; 1, or what a signal before that makes, if it never listened.

    *read_settings* reads them again, and raises `InvalidSettings`.  *is_child*: of `run_several`.
    """
    share = msgspec.json.decode(sys.stdin.buffer.readline(), type=Share) if is_child else None
    logs.configure(settings.logging.level, settings.logging.format)
    _raise_descriptor_limit(settings)
    if settings.server.one_core:
        _keep_to_one_core(share)
    try:
        house = read_house(settings)

        def announce(listening: Listening) -> None:
            _tell_code()
            if is_child:
                words.announce(msgspec.json.encode(listening).decode())
            else:
                words.announce(*announcement(listening, settings, house.rules))

        def read_again() -> Settings:
            found = read_settings()
            _raise_descriptor_limit(found)
            return found

        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            reading = Reading(read_again, read_house)
            stopped_by = runner.run(serve(settings, house, reading, announce, share))
    except InvalidSettings as invalid:  # a file that has changed since they were read
        words.complain(*invalid.problems)
        return 2
    except (OSError, RuntimeError, ValueError) as error:
        words.complain(f"Parley could not start: {error}")
        return 1
    if stopped_by is None:
        return 0
    if not is_child:
        words.complain(signals.sentence(stopped_by))
    return 128 + stopped_by


def _tell_code() -> None:
    """Which Parley listens now; one line more if a build of the hot path was left alone."""
    log = logs.get_logger()
    code = loading.code()
    log.info("started", version=VERSION, hot_path=code.kind)
    if code.fault:
        log.warning("build_not_loaded", reason=f"build/compiled is not used: {code.fault}")


def _raise_descriptor_limit(settings: Settings) -> None:
    """Four descriptors for each call, one for each stranger, and some for ourselves.

    Without one, nobody new can be let in.
    """
    try:
        import resource  # noqa: PLC0415  not on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = settings.limits
    wanted = 4 * limits.connections + limits.unauthenticated + OWN_DESCRIPTORS
    if soft >= wanted or soft == resource.RLIM_INFINITY:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        logs.get_logger().error("few_descriptors", allowed=allowed, wanted=wanted)


def _keep_to_one_core(share: Share | None) -> None:
    """Before there is a thread beside this one."""
    log = logs.get_logger()
    if not cores.POSSIBLE:
        log.warning("core_not_kept", reason="only Linux can keep a process to a core")
        return
    try:
        log.info("core_kept", core=cores.keep_to_one(share.index if share else None))
    except OSError as error:
        log.warning("core_not_kept", reason=f"the system refuses it: {error.strerror}")


def _loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    """Uvloop where there is one: 10 to 25 % less time for each message."""
    try:
        import uvloop  # noqa: PLC0415  not on Windows
    except ImportError:
        return None
    return uvloop.Loop
