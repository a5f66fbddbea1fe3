"""``local-realtime``: arguments, the ready line, and a quiet end."""

import argparse
import asyncio
import contextlib
import math
import os
import signal
import threading
from pathlib import Path
from typing import get_args

from local_realtime.brain.chat.options import add_chat_options, chat_of
from local_realtime.rehearsal.faults import GROUPS, KINDS, Faults, InvalidFault, parse_faults
from local_realtime.rehearsal.faulty_handler import HeaderFaults
from local_realtime.rehearsal.script import InvalidScript, parse_script
from local_realtime.rehearsal.scripted import Run
from local_realtime.responders.mode import MODES, Mind, Unavailable, choose_mind
from local_realtime.server import LocalRealtime, ServerConfig
from terminal.addresses import MUST_BE_HOST, in_url, is_host, reachable, why_unheard
from terminal.arguments import Parser
from terminal.files import read_whole
from terminal.words import announce, complain

API_KEY_VARIABLE = "LOCAL_REALTIME_API_KEY"
MODE_VARIABLE = "LOCAL_REALTIME_MODE"
PORT_MAX = 65_535


def main(argv: list[str] | None = None, prog: str = "local_realtime") -> int:
    options = _parser(prog).parse_args(argv)
    if options.stop_with_parent:
        # From the very beginning: a parent that dies while the voices load leaves nobody behind.
        threading.Thread(target=_watch_stdin, name="stdin", daemon=True).start()
    config = ServerConfig(
        api_key=options.api_key or None,
        pace=options.pace,
        faults={name: fault for faults in options.fault for name, fault in faults.items()},
        header_faults=options.header_faults,
    )
    try:
        run = _run_of(options)
    except InvalidScript as exc:
        complain(*str(exc).splitlines())
        return 2
    try:
        # A script answers by itself.
        mind = choose_mind("echo") if run else choose_mind(options.mode, chat_of(options))
    except (Unavailable, ValueError) as exc:
        complain(str(exc))
        return 1
    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(_serve(config, mind, run, options))
    except (OSError, UnicodeError) as exc:
        complain(f"cannot listen on {options.host}:{options.port}: {why_unheard(exc)}")
        return 1
    finally:
        mind.close()
    return _conclude(run) if run else 0


def _run_of(options: argparse.Namespace) -> Run | None:
    """The script to play, if there is one.

    Raises:
        InvalidScript: If it cannot be read, or is wrong.
    """
    if options.script is None:
        if options.once:
            raise InvalidScript(["--once is for a server with --script"])
        return None
    try:
        text = read_whole(Path(options.script)).decode()
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise InvalidScript([f"{options.script} cannot be read: {reason}"]) from None
    script = parse_script(options.script, text)
    return Run(script, announce, complain)


def _conclude(run: Run) -> int:
    if not run.played and not run.failures:
        complain(f"{run.script.name}: nobody has played it.")
    return run.exit_code


def _parser(prog: str = "local_realtime") -> Parser:
    parser = Parser(
        prog=prog,
        description="A Realtime API server on this computer.",
    )
    parser.add_argument(
        "--mode",
        choices=MODES,
        default=os.environ.get(MODE_VARIABLE, "auto"),
        help="whether it speaks, or plays back what it hears; auto: speech if its packages load",
    )
    parser.add_argument(
        "--host", type=_host, default="127.0.0.1", help="the address to listen on (127.0.0.1)"
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=8766,
        help="the port to listen on (8766); 0 takes any free one",
    )
    parser.add_argument(
        "--api-key",
        default=os.environ.get(API_KEY_VARIABLE),
        help=f"what clients must present; better set {API_KEY_VARIABLE}, which ps does not show",
    )
    parser.add_argument(
        "--pace",
        type=_pace,
        default=ServerConfig().pace,
        help="answers are sent this many times faster than real time; 0 is as fast as possible",
    )
    add_chat_options(parser)
    parser.add_argument(
        "--fault",
        type=_faults,
        action="append",
        default=[],
        metavar="NAME[=VALUE][@WHEN]",
        help=f"what goes wrong in every session: {', '.join([*KINDS, *GROUPS])}",
    )
    parser.add_argument(
        "--header-faults",
        choices=get_args(HeaderFaults),
        default=ServerConfig().header_faults,
        help="whose X-Parley-Fault is accepted: that of clients on this computer, all, or none",
    )
    parser.add_argument(
        "--script", metavar="FILE", help="play and check what FILE says, in place of a session"
    )
    parser.add_argument(
        "--once", action="store_true", help="with --script: end when it has been played"
    )
    parser.add_argument(
        "--stop-with-parent", action="store_true", help="end when standard input ends"
    )
    return parser


def _pace(text: str) -> float:
    try:
        pace = float(text)
    except ValueError:
        pace = math.nan
    if not 0 <= pace < math.inf:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return pace


def _host(text: str) -> str:
    if not is_host(text):
        raise argparse.ArgumentTypeError(f"{MUST_BE_HOST}, not {text or 'nothing'}")
    return text


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 5 or int(text) > PORT_MAX:
        raise argparse.ArgumentTypeError(f"must be an integer from 0 to {PORT_MAX}, not {text}")
    return int(text)


def _faults(text: str) -> Faults:
    try:
        return parse_faults(text)
    except InvalidFault as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:  # there is none for Windows
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


async def _serve(
    config: ServerConfig, mind: Mind, run: Run | None, options: argparse.Namespace
) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stopped.set)
    server = LocalRealtime(config, mind.responder, mind.ears, run)
    if run and options.once:
        run.at_end = stopped.set
    port = server.listen(options.host, options.port)
    place = in_url(reachable(options.host), port)
    announce(f"Local Realtime server ready: ws://{place}/v1/realtime")
    await stopped.wait()
    await server.close()


def _watch_stdin() -> None:
    """The end of standard input is SIGTERM.

    Thread: its own, since a loop cannot wait for every kind of file standard input can be.
    """
    with contextlib.suppress(OSError):  # a terminal that is gone is an end as well
        while os.read(0, 1024):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
