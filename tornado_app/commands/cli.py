"""The command line: argv -> settings -> logs -> command."""

import argparse
import asyncio
import errno
import math
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from local_realtime.rehearsal.faults import InvalidFault, parse_faults
from tornado_app import logs
from tornado_app.admission import tokens
from tornado_app.server import Server, serve
from tornado_app.settings.contradictions import Contradiction
from tornado_app.settings.development import with_development_secret
from tornado_app.settings.loading import load
from tornado_app.settings.reading import InvalidSettings
from tornado_app.settings.schema import Settings

ROOT = Path(__file__).resolve().parents[2]
DEFAULTS = ROOT / "conf" / "gateway.toml"
COMMANDS = ("serve", "talk", "token", "model", "check-config")
TOKEN_TTL_S = 3600
DEFAULT_PORT = 8765
LOCAL_MODEL = {
    "auto": "Model: a local one, which hears and speaks English, or else plays back what you say.",
    "speech": "Model: a local one, which hears and speaks English.",
    "echo": "Model: a local one, which plays back what you say.",
}
INTERRUPTED = 128 + signal.SIGINT
"""What shells say of a program that Ctrl-C has ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code says how it went (2: the settings or arguments are wrong)."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] == "model":
        from local_realtime.cli import main as run_model  # noqa: PLC0415  it has options of its own

        return run_model(words[1:], "run.py model")
    if not words or (words[0] not in COMMANDS and words[0] not in {"-h", "--help"}):
        words.insert(0, "serve")
    options = _parser().parse_args(words)
    try:
        settings = load_settings(options)
    except InvalidSettings as invalid:
        _complain(invalid.problems)
        return 2
    run = {"serve": _serve, "token": _token, "check-config": _check, "talk": _talk}
    try:
        return run[options.command](options, settings)
    except KeyboardInterrupt:  # a server that listens takes Ctrl-C for a signal to drain
        return INTERRUPTED


def load_settings(options: argparse.Namespace) -> Settings:
    """The defaults, the file, the environment and the arguments, the later ones winning.

    Raises:
        InvalidSettings: With everything that is wrong.
    """
    environ = dict(os.environ)
    for name in ("host", "port"):
        if (value := getattr(options, name, None)) is not None:
            environ[f"PARLEY_SERVER_{name.upper()}"] = str(value)
    config = None
    if options.config is not None:
        try:
            config = Path(options.config).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidSettings([f"--config: {options.config} cannot be read: {error}"]) from None
    settings = load(DEFAULTS.read_text("utf-8"), config, environ, _wrong_faults)
    try:
        return with_development_secret(settings)
    except OSError as error:
        where = f"server.state_dir ({settings.server.state_dir})"
        raise InvalidSettings(
            [f"{where}: the development secret cannot be kept: {error}"]
        ) from None


def _wrong_faults(settings: Settings) -> Iterator[Contradiction]:
    """The local model is another program; what may be wrong with it, it says itself."""
    try:
        parse_faults(settings.model.fault)
    except InvalidFault as invalid:
        # One sentence, which `label` begins.
        yield Contradiction(str(invalid).removesuffix("."), ("model.fault",))


def token_rules(settings: Settings) -> tokens.TokenRules:
    auth = settings.auth
    return tokens.TokenRules(
        key=auth.secret.reveal().encode(),
        algorithms=auth.algorithms,
        issuer=auth.issuer,
        audience=auth.audience,
        leeway_s=auth.leeway_s,
        max_lifetime_s=auth.max_lifetime_s,
    )


def _serve(_options: argparse.Namespace, settings: Settings) -> int:
    logs.configure(settings.logging.level, settings.logging.format)
    _raise_descriptor_limit(settings)
    try:
        rules = token_rules(settings)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(settings, rules, lambda server: _announce(server, settings, rules)))
    except (OSError, RuntimeError, ValueError) as error:
        _complain([f"Parley could not start: {_why(error, settings)}"])
        return 1
    return 0


def _raise_descriptor_limit(settings: Settings) -> None:
    """Four descriptors for each call, and some to spare: without one, nobody new can be let in."""
    try:
        import resource  # noqa: PLC0415  not on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * settings.limits.connections + 256
    if soft >= wanted or soft == resource.RLIM_INFINITY:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        logs.get_logger().warning("few_descriptors", allowed=allowed, wanted=wanted)


def _why(error: Exception, settings: Settings) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        server = settings.server
        return f"{server.host}:{server.port} is in use. Choose another with --port; 0 finds one."
    return str(error)


def _announce(server: Server, settings: Settings, rules: tokens.TokenRules) -> None:
    host = settings.server.host
    shown = f"[{host}]" if ":" in host else host
    url = f"ws://{shown}:{server.port}/ws"
    lines = [f"Parley listens on {url}"]
    if server.is_embedded:
        lines.append(LOCAL_MODEL[settings.model.mode])
        if settings.model.chat_url:
            lines.append(
                f"  A chat model thinks for it: {settings.model.chat_model or 'its only one'}."
            )
        lines.append("  OPENAI_API_KEY takes OpenAI's instead.")
    else:
        lines.append(f"Model: {settings.upstream.model} at {server.model_host}")
    if settings.server.environment == "development":
        token = tokens.issue("developer", rules, time.time(), TOKEN_TTL_S)  # noqa: TID251  `exp`
        address = "" if server.port == DEFAULT_PORT else f" --url {url}"
        lines += [
            f"Token for an hour: {token}",
            "Try, in another terminal:",
            f"  .venv/bin/python run.py talk tests/data/amiable.wav{address}",
        ]
    elif server.is_embedded:
        lines.append("  Warning: in production the model is the local one; no API key is set.")
    print("\n".join(lines), flush=True)  # noqa: T201  for people


def _token(options: argparse.Namespace, settings: Settings) -> int:
    try:
        token = tokens.issue(
            options.user,
            token_rules(settings),
            time.time(),  # noqa: TID251  `exp` is wall time
            options.ttl_s,
            options.scope,
        )
    except ValueError as error:
        _complain([f"No token: {error}"])
        return 2
    print(token)  # noqa: T201  the command's answer
    return 0


def _check(_options: argparse.Namespace, settings: Settings) -> int:
    print(f"The settings are right for {settings.server.environment}.")  # noqa: T201
    return 0


def _talk(options: argparse.Namespace, settings: Settings) -> int:
    from tornado_app.commands import talk  # noqa: PLC0415  the server needs neither soundfile nor rich

    server = settings.server
    url = options.url or f"ws://{server.host}:{server.port}/ws"
    token = options.token or tokens.issue(
        "developer",
        token_rules(settings),
        time.time(),  # noqa: TID251  `exp` is wall time
        TOKEN_TTL_S,
    )
    wish = talk.Wish(
        path=Path(options.file),
        url=url,
        token=token,
        save=Path(options.save) if options.save else None,
        fast=options.fast,
        chunk_ms=options.chunk_ms,
    )
    return asyncio.run(talk.run(wish))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run.py", description="Parley, a realtime voice gateway for the GPT Realtime API."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", metavar="FILE", help="a TOML file over conf/gateway.toml")

    serve_ = commands.add_parser("serve", parents=[common], help="run the gateway (the default)")
    serve_.add_argument("--host", help="the address to listen on")
    serve_.add_argument("--port", type=int, help="the port to listen on; 0 takes any free one")

    talk_ = commands.add_parser("talk", parents=[common], help="send a recording, hear the answer")
    talk_.add_argument("file", help="a recording in any format that libsndfile reads")
    talk_.add_argument("--url", help="the gateway; by default the one of the settings")
    talk_.add_argument("--token", help="by default one made with the settings' secret")
    talk_.add_argument("--save", metavar="FILE", help="write the answer there")
    talk_.add_argument("--fast", action="store_true", help="do not wait for real time")
    talk_.add_argument(
        "--chunk-ms", type=_positive, help="audio in one message (20; with --fast 100)"
    )

    token = commands.add_parser("token", parents=[common], help="print a token")
    token.add_argument("--user", required=True, help="whom it is for: the claim `sub`")
    token.add_argument(
        "--ttl-s", type=_positive, default=TOKEN_TTL_S, help="how long it is good (3600)"
    )
    token.add_argument("--scope", action="append", default=[], help="may be given several times")

    commands.add_parser("model", help="run the local Realtime server alone; see model --help")
    commands.add_parser("check-config", parents=[common], help="name everything that is wrong")
    return parser


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text}")
    return number


def _complain(problems: Sequence[str]) -> None:
    print("\n".join(problems), file=sys.stderr)  # noqa: T201  for people


def _loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    """Uvloop where there is one: 10 to 25 % less time for each message."""
    try:
        import uvloop  # noqa: PLC0415  not on Windows
    except ImportError:
        return None
    return uvloop.Loop
