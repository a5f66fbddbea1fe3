"""The settings that a command works with, and what follows from them for every command."""

import argparse
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path

from local_realtime.rehearsal.faults import InvalidFault, parse_faults
from terminal.files import read_whole
from terminal.words import complain, how_to_install
from tornado_app.admission import tokens
from tornado_app.admission.bans import read_bans
from tornado_app.admission.revocations import read_revocations
from tornado_app.house_terms import house_grants
from tornado_app.policy import template
from tornado_app.policy.grants import Policy
from tornado_app.policy.reading import PolicyReader, laid_over
from tornado_app.policy.wrong import Wrong
from tornado_app.reloading import FILES, House
from tornado_app.settings.contradiction import Contradiction
from tornado_app.settings.contradictions import contradictions
from tornado_app.settings.development import look_for_secret, with_development_secret
from tornado_app.settings.issuers import read_issuers
from tornado_app.settings.loading import ConfigFile, load
from tornado_app.settings.plans import read_plans
from tornado_app.settings.reading import InvalidSettings
from tornado_app.settings.schema import Settings
from tornado_app.settings.toml_file import read_tables
from tornado_app.taken_back import bans_path
from tornado_app.tools.found import read_tools
from tornado_app.tracing.tracing import missing_package
from tornado_app.upstream.endpoint import listed, provider_of
from tornado_app.usage.prices import Prices
from tornado_app.usage.unpriced import unpriced
from tornado_app.usage.usage import prices_of, wrong_postgres

ROOT = Path(__file__).resolve().parents[2]
DEFAULTS = ROOT / "conf" / "gateway.toml"
POLICY = ROOT / "conf" / "policy.toml"
WITHOUT_TOKENS = ("recordings", "usage")
"""Commands that neither make tokens nor check any."""


def load_settings(options: argparse.Namespace) -> Settings:
    """The defaults, the file, the environment and the arguments, the later ones winning.

    Whoever only checks has no development secret made, and who needs no token none looked for.

    Raises:
        InvalidSettings: With everything that is wrong.
    """
    environ = dict(os.environ)
    for name in ("host", "port", "processes"):
        if (value := getattr(options, name, None)) is not None:
            environ[f"PARLEY_SERVER_{name.upper()}"] = str(value)
    settings = load(
        DEFAULTS.read_text("utf-8"),
        _config_file(options.config),
        environ,
        _wrong_elsewhere,
        warn=lambda sentence: complain(f"Warning: {sentence}"),
    )
    if options.command in WITHOUT_TOKENS or (options.command == "talk" and options.token):
        return settings
    try:
        if options.command == "check-config":
            look_for_secret(settings, ROOT)
            return settings
        return with_development_secret(settings, ROOT)
    except OSError as error:
        raise InvalidSettings([str(_unkept(settings, error))]) from None


def _unkept(settings: Settings, error: OSError) -> Contradiction:
    place = ROOT / settings.server.state_dir
    reason = f"the development secret cannot be kept in {place}: {error.strerror}"
    advice = "name a directory that can be written, or set auth.secret"
    return Contradiction(f"{reason}; {advice}", ("server.state_dir", "auth.secret"))


def _config_file(path: str | None) -> ConfigFile | None:
    """The operator's file; one that cannot be read is a problem among the others."""
    if path is None:
        return None
    if not path:
        return ConfigFile("--config", None, "it names no file")
    try:
        return ConfigFile(path, read_whole(Path(path)).decode("utf-8-sig"))
    except OSError as error:
        return ConfigFile(path, None, error.strerror or type(error).__name__)
    except UnicodeDecodeError:
        return ConfigFile(path, None, "it is not UTF-8")


def read_policy(settings: Settings) -> Policy:
    """Who may set what of a call; nothing is wrong with it once `load_settings` has returned."""
    return _policy(settings)[0]


def read_house(settings: Settings) -> House:
    """What follows from *settings* and the files that they name.

    Raises:
        InvalidSettings: With everything that is wrong, also with settings that go together no more.
    """
    wrong = [*map(str, contradictions(settings)), *map(str, _wrong_elsewhere(settings))]
    policy, problems = _policy(settings)
    prices, wrong_prices = _prices(settings)
    if wrong or problems or wrong_prices:
        raise InvalidSettings(wrong or problems or [*map(str, wrong_prices)])
    return House(token_rules(settings), policy, prices, tuple(_contents(settings)))


def _contents(settings: Settings) -> Iterator[bytes]:
    names = (getattr(getattr(settings, section), key) for section, key in map(_parts, FILES))
    for name in names:
        try:
            yield read_whole(ROOT / name) if name else b""
        except OSError as error:
            raise InvalidSettings([f"{name} cannot be read: {error.strerror}"]) from None


def _parts(setting: str) -> list[str]:
    return setting.split(".")


def _policy(settings: Settings) -> tuple[Policy, list[str]]:
    """The operator's policy over ours, and what is wrong with it."""
    house = house_grants(settings)
    below = PolicyReader(house).read(read_tables(POLICY))
    name = settings.session.policy_file
    if not name:
        return below, []
    try:
        tables = read_tables(ROOT / name)
    except ValueError as error:
        return below, [f"{name} {error}"]
    reader = PolicyReader(house)
    policy = laid_over(below, reader.read(tables))
    return policy, [f"{name}: {problem}" for problem in reader.problems]


def _wrong_elsewhere(settings: Settings) -> Iterator[Contradiction]:
    yield from _wrong_faults(settings)
    policy, problems = _policy(settings)
    for problem in problems:
        yield Contradiction(problem, ("session.policy_file",))
    try:
        template.check(settings.session.instructions, (*template.ALWAYS, *policy.claims))
    except Wrong as wrong:
        yield Contradiction(f"must be {wrong.may_be}", ("session.instructions",))
    for problem in read_issuers(settings, ROOT)[1]:
        yield Contradiction(f"{settings.auth.issuers_file}: {problem}", ("auth.issuers_file",))
    yield from _wrong_revocations(settings)
    yield from _missing_packages(settings)
    prices, wrong_prices = _prices(settings)
    yield from wrong_prices
    if not wrong_prices:
        yield from unpriced(settings, prices, _today())
    yield from _wrong_bans(settings)
    yield from _wrong_plans(settings, prices)
    found = read_tools(settings.tools, lambda *_: None)
    for problem in found.problems:
        yield Contradiction(f"{settings.tools.file}: {problem}", ("tools.file",))
    if None in listed(settings).values():
        for label in found.toolbox.handed_labels:
            sentence = "the model on this computer asks no server of tools; leave it to the gateway"
            where = f"{settings.tools.file}: mcp.{label}.handled_by"
            yield Contradiction(f"{where}: {sentence}", ("tools.file",))


def _wrong_revocations(settings: Settings) -> Iterator[Contradiction]:
    name = settings.auth.revoked_file
    if not name:
        return
    try:
        lines = read_revocations(read_whole(ROOT / name)).wrong_lines
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        yield Contradiction(f"{name} cannot be read: {reason}", ("auth.revoked_file",))
        return
    for line in lines:
        reason = f'{name}: line {line} must be "jti ID" or "user NAME"'
        yield Contradiction(reason, ("auth.revoked_file",))


def _prices(settings: Settings) -> tuple[Prices, list[Contradiction]]:
    """What models cost, and what is wrong with the file that says so."""
    reasons: tuple[str, ...]
    try:
        return prices_of(settings.usage), []
    except OSError as error:
        reasons = (f"it cannot be read: {error.strerror}",)
    except ValueError as error:
        reasons = error.args
    name = settings.usage.prices_file
    return Prices(), [Contradiction(f"{name}: {each}", ("usage.prices_file",)) for each in reasons]


def _wrong_bans(settings: Settings) -> Iterator[Contradiction]:
    """Whoever was kept out stays out: what cannot be read is no empty list."""
    path = bans_path(settings)
    try:
        if path.exists():
            read_bans(read_whole(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        yield Contradiction(f"{path} cannot be read: {reason}", ("server.state_dir", "admin.keys"))


def _wrong_plans(settings: Settings, prices: Prices) -> Iterator[Contradiction]:
    """Each plan is looked at as if everybody had it."""
    plans, problems = read_plans(settings, ROOT)
    for problem in problems:
        yield Contradiction(problem, ("limits.plans_file",))

    def wrong_with(some: Settings) -> Iterator[Contradiction]:
        yield from contradictions(some)
        yield from unpriced(some, prices, _today())

    known = set(map(str, wrong_with(settings)))
    for plan, planned in plans.items():
        for wrong in wrong_with(planned):
            if str(wrong) not in known:
                yield Contradiction(f"{plan}: {wrong}", ("limits.plans_file",))


def _today() -> date:
    return datetime.now(UTC).date()


def _missing_packages(settings: Settings) -> Iterator[Contradiction]:
    if settings.shared.redis_url and find_spec("redis") is None:
        reason = f"the package redis is not installed; {how_to_install('redis')}"
        yield Contradiction(reason, ("shared.redis_url",))
    if (wrong := wrong_postgres(settings.usage)) is not None:
        yield Contradiction(wrong, ("usage.postgres_url",))
    if (missing := missing_package(settings.traces)) is not None:
        yield Contradiction(missing, ("traces.enabled",))


def _wrong_faults(settings: Settings) -> Iterator[Contradiction]:
    """The local model is another program; what may be wrong with it, it says itself."""
    try:
        parse_faults(settings.model.fault)
    except InvalidFault as invalid:
        # One sentence, which `label` begins.
        yield Contradiction(str(invalid).removesuffix("."), ("model.fault",))


def models_in_order(settings: Settings) -> str:
    """Whom calls go to, by the operator's names; empty, if there is one."""
    found = listed(settings)
    shown = (f"{name} ({provider_of(endpoint)})" for name, endpoint in found.items())
    return f"Models, in this order: {', '.join(shown)}." if len(found) > 1 else ""


def token_rules(settings: Settings) -> tokens.TokenRules | None:
    """How our own tokens are made and checked; None: there is no secret, and so there are none."""
    auth = settings.auth
    if not auth.secret:
        return None
    return tokens.TokenRules(
        key=auth.secret.reveal().encode(),
        algorithms=auth.algorithms,
        issuer=auth.issuer,
        audience=auth.audience,
        leeway_s=auth.leeway_s,
        max_lifetime_s=auth.max_lifetime_s,
        token_bytes=auth.token_bytes,
        previous_key=auth.previous_secret.reveal().encode(),
    )
