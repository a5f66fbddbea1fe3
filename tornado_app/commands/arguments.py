"""What may be typed after ``run.py``."""

import argparse
import math
from datetime import date

from terminal.arguments import Parser
from terminal.words import is_text
from tornado_app.commands.raw_format import RawFormat, read_format

COMMANDS = ("serve", "talk", "doctor", "token", "recordings", "usage", "model", "check-config")
TOKEN_TTL_S = 3600
COUNT_MAX = 100_000


def parser() -> Parser:
    """All commands but `model`, which has options of its own."""
    whole = Parser(
        prog="run.py", description="Parley, a realtime voice gateway for the GPT Realtime API."
    )
    whole.add_argument("--version", action="store_true", help="say which Parley this is")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True, prog="run.py")
    common = Parser(add_help=False)
    common.add_argument("--config", metavar="FILE", help="a TOML file over conf/gateway.toml")

    serve = commands.add_parser("serve", parents=[common], help="run the gateway (the default)")
    serve.add_argument("--host", help="the address to listen on")
    serve.add_argument("--port", help="the port to listen on; 0 takes any free one")
    serve.add_argument("--processes", help="how many share the port (1); 0 is one for each core")
    serve.add_argument("--child", action="store_true", help=argparse.SUPPRESS)

    _add_talk(commands.add_parser("talk", parents=[common], help="speak or write, hear the answer"))

    doctor = commands.add_parser(
        "doctor", parents=[common], help="try the whole way, step by step; say what to do"
    )
    doctor.add_argument(
        "--url", type=_text, help="a gateway that runs; by default one is started for the trial"
    )
    doctor.add_argument("--token", type=_text, help="by default one made with the settings' secret")
    doctor.add_argument(
        "--recording", metavar="FILE", help="what is spoken (tests/data/amiable.wav)"
    )
    doctor.add_argument("--json", action="store_true", help="the report as one object of JSON")

    token = commands.add_parser("token", parents=[common], help="print a token")
    token.add_argument("--user", type=_text, required=True, help="whom it is for: the claim `sub`")
    token.add_argument(
        "--ttl-s", type=_positive, default=TOKEN_TTL_S, help="how long it is good (3600)"
    )
    token.add_argument(
        "--scope", type=_text, action="append", default=[], help="may be given several times"
    )
    token.add_argument("--organisation", type=_named, help="whose limits and quotas count as well")
    token.add_argument(
        "--session",
        metavar="FILE",
        help="JSON that says what holds for the call (docs/tokens.md); it is sealed if there is "
        "auth.sealing_key",
    )

    _add_recordings(commands.add_parser("recordings", parents=[common], help="list recorded calls"))
    _add_usage(commands.add_parser("usage", parents=[common], help="what calls used and cost"))
    commands.add_parser("model", help="run the local Realtime server alone; see model --help")
    commands.add_parser("check-config", parents=[common], help="name everything that is wrong")
    return whole


def _add_recordings(recordings: argparse.ArgumentParser) -> None:
    recordings.add_argument("--user", metavar="NAME", help="those of this user alone")
    recordings.add_argument("--json", action="store_true", help="an object in each line")
    recordings.add_argument(
        "--export", nargs="+", metavar="SESSION", help="copy the files of these calls"
    )
    recordings.add_argument(
        "--to", metavar="DIRECTORY", default=".", help="where copies go (the current directory)"
    )


def _add_usage(usage: argparse.ArgumentParser) -> None:
    usage.add_argument(
        "--by",
        choices=("user", "organisation", "day", "model"),
        default="user",
        help="what a line is of (user)",
    )
    usage.add_argument("--since", metavar="DAY", type=_day, help="from 2026-12-01 on, UTC")
    usage.add_argument("--until", metavar="DAY", type=_day, help="up to that day, and with it")
    usage.add_argument("--user", metavar="NAME", help="of this user alone")
    shape = usage.add_mutually_exclusive_group()
    shape.add_argument("--csv", action="store_true", help="the table for other programs")
    shape.add_argument("--json", action="store_true", help="each record as an object in a line")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-12-01") from None


def _add_talk(talk: argparse.ArgumentParser) -> None:
    _add_turns(talk)
    talk.add_argument(
        "--url",
        type=_text,
        help="the gateway; by default the one of the settings. Parameters of docs/protocol.md "
        "in it count, such as ?output_format=pcmu",
    )
    talk.add_argument("--token", type=_text, help="by default one made with the settings' secret")
    talk.add_argument("--voice", type=_text, metavar="NAME", help="who answers")
    talk.add_argument(
        "--instructions",
        type=_text,
        metavar="TEXT",
        help="what the model is told, where the policy allows it",
    )
    talk.add_argument("--play", action="store_true", help="let them be heard (sounddevice)")
    talk.add_argument(
        "--microphone", action="store_true", help="speak freely, until Ctrl-C (sounddevice)"
    )
    talk.add_argument(
        "--save", metavar="FILE", help="write the answers there: .wav, .flac, .ogg, .mp3 or .aiff"
    )
    _add_pace(talk)
    talk.add_argument("--json", action="store_true", help="one object of JSON a line, for scripts")
    talk.add_argument("--repeat", metavar="N", type=_count, default=1, help="talk so many times")
    talk.add_argument(
        "--parallel", metavar="N", type=_count, default=1, help="so many at once; then a summary"
    )


def _add_turns(talk: argparse.ArgumentParser) -> None:
    talk.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        help="recordings, a turn each: WAV, FLAC, OGG, MP3 or what else libsndfile reads; - is "
        "standard input. Without any, and without --text, each line that is typed is a turn",
    )
    talk.add_argument(
        "--text",
        type=_said,
        action="append",
        default=[],
        help="a typed turn; may be given several times",
    )


def _add_pace(talk: argparse.ArgumentParser) -> None:
    """How recordings become messages."""
    talk.add_argument(
        "--fast", action="store_true", help="not in real time: as fast as the gateway takes it"
    )
    talk.add_argument(
        "--chunk-ms",
        metavar="MS",
        type=_positive,
        help="audio in one message (20; with --fast 100)",
    )
    talk.add_argument(
        "--audio-in",
        metavar="raw:RATE:CHANNELS",
        type=_raw,
        help="FILE is 16-bit PCM without a header, and is spoken while it comes",
    )


def _raw(text: str) -> RawFormat:
    try:
        return read_format(text)
    except ValueError:
        sentence = f"must be raw:RATE:CHANNELS, such as raw:16000:1, not {text}"
        raise argparse.ArgumentTypeError(sentence) from None


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= COUNT_MAX:
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 1 to {COUNT_MAX}, not {text}"
        )
    return int(text)


def _text(text: str) -> str:
    """What is sent to somebody; names of files may be any bytes."""
    if not is_text(text):
        raise argparse.ArgumentTypeError("is not UTF-8")
    return text


def _said(text: str) -> str:
    """A turn of nothing is refused, and by then the turns before it are talked."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty; leave it out to say nothing")
    return _text(text)


def _named(text: str) -> str:
    """An empty name comes from a variable that is not set, and would be nobody's without a word."""
    if not text:
        raise argparse.ArgumentTypeError("must not be empty; leave it out for none")
    return _text(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text}")
    return number
