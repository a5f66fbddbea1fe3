"""``local-realtime``: arguments, the ready line, and a quiet end."""

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable

from local_realtime.chat_options import add_chat_options, chat_of
from local_realtime.mode import MODES, Mind, Unavailable, choose_mind
from local_realtime.server import LocalRealtime, ServerConfig

API_KEY_VARIABLE = "LOCAL_REALTIME_API_KEY"
MODE_VARIABLE = "LOCAL_REALTIME_MODE"


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    config = ServerConfig(api_key=options.api_key or None, pace=options.pace)
    try:
        mind = choose_mind(options.mode, chat_of(options))
    except (Unavailable, ValueError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(_serve(config, mind, options))
    except OSError as exc:
        sys.stderr.write(f"cannot listen on {options.host}:{options.port}: {exc.strerror}\n")
        return 1
    finally:
        mind.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="local_realtime",
        description="A Realtime API server on this computer.",
    )
    parser.add_argument(
        "--mode",
        choices=MODES,
        default=os.environ.get(MODE_VARIABLE, "auto"),
        help="whether it speaks, or plays back what it hears; auto: speech if its packages load",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8766, help="0 takes any free port")
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
        "--stop-with-parent", action="store_true", help="end when standard input ends"
    )
    return parser


def _pace(text: str) -> float:
    pace = float(text)
    if not 0 <= pace < float("inf"):
        raise argparse.ArgumentTypeError("must be 0 or more")
    return pace


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:  # there is none for Windows
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


async def _serve(config: ServerConfig, mind: Mind, options: argparse.Namespace) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stopped.set)
    server = LocalRealtime(config, mind.responder, mind.ears)
    port = server.listen(options.host, options.port)
    if options.stop_with_parent:
        watch = threading.Thread(
            target=_watch_stdin,
            args=(lambda: loop.call_soon_threadsafe(stopped.set),),
            name="stdin",
            daemon=True,
        )
        watch.start()
    sys.stdout.write(f"Local Realtime server ready: ws://{options.host}:{port}/v1/realtime\n")
    sys.stdout.flush()
    await stopped.wait()
    await server.close()


def _watch_stdin(at_end: Callable[[], object]) -> None:
    """Thread: its own, since a loop cannot wait for every kind of file standard input can be."""
    while os.read(0, 1024):
        pass
    try:
        at_end()
    except RuntimeError:
        # The loop has ended for another reason.
        return
