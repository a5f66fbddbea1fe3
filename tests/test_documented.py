"""What the documents promise is what the code does: settings, messages, codes, commands, links."""

import argparse
import ast
import json
import re
from functools import cache
from pathlib import Path

import msgspec
import pytest

from docs import configuration, interrupting, logs
from local_realtime.cli import _parser as model_parser
from local_realtime.rehearsal.bad_frames import BAD_FRAMES
from local_realtime.rehearsal.faults import KINDS, Number, Words
from local_realtime.rehearsal.script import ACTIONS
from tornado_app.client_side.frames import Violation
from tornado_app.commands.arguments import COMMANDS
from tornado_app.commands.arguments import parser as gateway_parser
from tornado_app.errors import ERROR_CODES, RETRYABLE, Refused
from tornado_app.handlers.refusals import close_for, http_status
from tornado_app.log_levels import LEVELS
from tornado_app.protocol.close import CLOSES
from tornado_app.protocol.voice_v1.client_messages import MESSAGES
from tornado_app.protocol.voice_v1.opening import SESSION_PARAMETERS
from tornado_app.protocol.voice_v1.server import TYPES
from tornado_app.session.interrupting import TABLE, Event, Heard, Step
from tornado_app.settings.schema import SECTIONS

ROOT = Path(__file__).parents[1]

SETTINGS = [
    f"{section}.{field.name}"
    for section, structure in SECTIONS.items()
    for field in msgspec.structs.fields(structure)
]
CLOSES_SAID = {(close.code, close.reason) for close in CLOSES} | {
    (violation.code, violation.reason)
    for violation in (Violation.protocol_error(), Violation.invalid_utf8())
}
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "bench/*.md", "examples/*.md", "tests/data/*.md")
    for path in ROOT.glob(pattern)
)
NO_FIELDS = {"exc_info"}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def section(name, heading):
    """The text of one chapter, up to the next heading of its level."""
    level = heading.partition(" ")[0]
    after = read(name).partition(f"\n{heading}\n")[2]
    assert after, f"{name} has no {heading!r}"
    return re.split(rf"\n{level} ", after)[0]


def table(text):
    """The rows of all tables in *text*, by what stands in their first cell without backticks."""
    rows = [line.strip()[1:-1].split("|") for line in text.splitlines() if line.startswith("| ")]
    return {cells[0].strip(" `*"): [cell.strip() for cell in cells] for cells in rows}


def fields_of(kind):
    """What a message has in the protocol, and whether it must: {name: required}."""
    fields = {field.encode_name: field.required for field in msgspec.structs.fields(kind)}
    fields.pop("sentence", None)  # it travels in the envelope
    if TYPES.get(kind) == "audio_received":
        fields["timestamp"] = True  # `encode` writes it
    return fields


def shown_fields(cell, fields):
    """Those of *fields* that *cell* names, and whether it does so without a question mark."""
    found = {name: re.search(rf"`{name}`(\?)?", cell) for name in fields}
    return {name: match[1] is None for name, match in found.items() if match}


def messages():
    client = [("client", name, kind) for name, kind in MESSAGES.items()]
    return client + [("server", name, kind) for kind, name in TYPES.items()]


@pytest.fixture(scope="module")
def asyncapi():
    """JSON is YAML, and can be read without a library."""
    return json.loads(read("docs/asyncapi.yaml"))


def resolve(document, reference):
    value = document
    for key in reference.removeprefix("#/").split("/"):
        value = value[key]
    return value


def strings_given_to(*functions, position):
    """Constant texts at *position* of calls of these functions in protocol/opening.py."""
    tree = ast.parse(read("tornado_app/protocol/voice_v1/opening.py"))
    return {
        call.args[position].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", None) in functions
        and len(call.args) > position
        and isinstance(call.args[position], ast.Constant)
    }


def constants(node):
    """The texts that an expression may be, if it is constant."""
    if isinstance(node, ast.IfExp):
        return constants(node.body) + constants(node.orelse)
    return [node.value] if isinstance(getattr(node, "value", None), str) else []


@cache
def log_calls():
    """Each event that tornado_app logs, with its fields and the methods: {event: (set, set)}."""
    found = {}
    for tree in logs.trees_that_log():
        for call in ast.walk(tree):
            if not (isinstance(call, ast.Call) and getattr(call.func, "attr", "") in logs.LEVELS):
                continue
            for word in next(filter(None, map(constants, call.args[:2])), ()):
                fields, methods = found.setdefault(word, (set(), set()))
                fields |= {keyword.arg for keyword in call.keywords if keyword.arg} - NO_FIELDS
                methods.add(call.func.attr)
    return found


def anchors(text):
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading).lower() for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("name", SETTINGS)
def test_setting_has_a_reason_where_its_default_stands(name):
    """A comment stands above each setting of conf/gateway.toml, or above the group it is in."""
    part, _, key = name.partition(".")
    lines = read("conf/gateway.toml").partition(f"[{part}]\n")[2].splitlines()
    index = next(i for i, line in enumerate(lines) if line.startswith(f"{key} = "))
    while re.match(r"\w+ = ", lines[index]):
        index -= 1
        assert index >= 0, f"{name} has no comment"

    assert lines[index].startswith("# "), name


def test_the_page_of_settings_is_made_from_the_file_of_defaults():
    """`make docs` was run after the last change, and no setting is missing."""
    made = configuration.page(read("conf/gateway.toml"))

    assert made == read("docs/configuration.md")
    shown = {setting.name for setting in configuration.settings(read("conf/gateway.toml"))}
    assert set(SETTINGS) == shown


def test_the_table_of_interruptions_is_drawn_as_it_is():
    """`make docs` was run after the last change of it."""
    made = interrupting.page()

    assert made == read("docs/interrupting.md")
    assert made.count("\n| ") == len(Heard) + len(Event) + len(Step) + len(TABLE) + 4


@pytest.mark.parametrize(("side", "name", "kind"), messages())
def test_message_and_its_fields_stand_in_the_protocol(side, name, kind):
    """Each message has a row with all its fields, those that may be absent marked with `?`."""
    heading = {"client": "## 2. Client messages", "server": "## 3. Server messages"}[side]
    cells = table(section("docs/protocol.md", heading))[name]

    assert fields_of(kind) == shown_fields(cells[1], fields_of(kind))


@pytest.mark.parametrize(
    ("heading", "names"),
    [("## 2. Client messages", set(MESSAGES)), ("## 3. Server messages", set(TYPES.values()))],
)
def test_protocol_has_no_message_that_does_not_exist(heading, names):
    """A row of the two tables of messages names a message that is built."""
    rows = set(table(section("docs/protocol.md", heading)))

    assert names == {name for name in rows if re.fullmatch(r"[a-z_]+", name)} - {
        "type",
        "binary frame",
    }


def test_error_codes_stand_in_the_protocol():
    """The table has every error code, no other, and says which may be tried again."""
    rows = table(section("docs/protocol.md", "## 4. Error codes (`data.code`)"))
    shown = {code: cells[1] == "yes" for code, cells in rows.items() if len(cells) == 3}
    shown.pop("code")

    assert shown == {code: code in RETRYABLE for code in ERROR_CODES}


def test_close_codes_stand_in_the_protocol():
    """The table has every close code with its reason, and no other."""
    text = section("docs/protocol.md", "## 5. Close codes")
    shown = re.findall(r"^\| (\d{4}) \| `(\w+)` \|", text, re.MULTILINE)

    assert {(int(code), reason) for code, reason in shown} == CLOSES_SAID


def test_close_codes_stand_in_the_operators_page():
    """Each close code but the client's own goodbye has a meaning for the operator."""
    rows = table(section("docs/operations.md", "## Close codes"))
    shown = {int(code) for cell in rows for code in re.findall(r"\d{4}", cell)}

    assert shown == {code for code, _ in CLOSES_SAID} - {1000}


def test_refusals_of_an_opening_are_as_documented():
    """Each refusal has the HTTP status and the close code of the table."""
    rows = table(section("docs/protocol.md", "## 1. Opening"))
    codes = [code for code in rows if code in ERROR_CODES]
    assert len(codes) == 12

    for code in codes:
        refused = Refused(code, "")
        assert rows[code][2].startswith(str(http_status(refused))), code
        assert rows[code][3] == str(close_for(refused).code), code


def test_parameters_of_an_opening_are_documented(asyncapi):
    """What is read from the address stands in both descriptions of the protocol."""
    names = strings_given_to("_choice", "_rate_hz", "_integer", position=1) | {"resume"}
    names |= set(SESSION_PARAMETERS)
    rows = table(section("docs/protocol.md", "## 1. Opening"))
    query = asyncapi["channels"]["voice"]["bindings"]["ws"]["query"]["properties"]

    assert len(names) > 8
    assert names <= set(rows)
    assert names | {"token"} == set(query)


@pytest.mark.parametrize(("side", "name", "kind"), messages())
def test_message_and_its_fields_stand_in_asyncapi(asyncapi, side, name, kind):
    """Each message of the AsyncAPI document has the fields of the code, and needs the same."""
    payload = asyncapi["components"]["messages"][f"{side}_{name}"]["payload"]
    fields = fields_of(kind)
    if side == "server":
        payload = payload["allOf"][1]["properties"]
        assert payload["type"] == {"const": name}
        payload = payload["data"]
    else:
        assert payload["properties"]["type"] == {"const": name}
        fields["type"] = True

    assert set(fields) == set(payload["properties"])
    assert {field for field in fields if fields[field]} == set(payload.get("required", []))


def test_asyncapi_has_the_messages_and_codes_of_the_code(asyncapi):
    """No message, error code or close code is missing there, and none is too many."""
    names = {f"{side}_{name}" for side, name, _ in messages()} | {"client_binary", "server_binary"}
    channel = asyncapi["channels"]["voice"]

    assert names == set(asyncapi["components"]["messages"]) == set(channel["messages"])
    assert list(ERROR_CODES) == asyncapi["components"]["schemas"]["errorCode"]["enum"]
    shown = {(row["code"], row["reason"]) for row in channel["x-close-codes"]}
    assert shown == CLOSES_SAID


def test_references_of_asyncapi_resolve(asyncapi):
    """Every `$ref` leads somewhere, and every message is somebody's."""
    references = re.findall(r'"\$ref": "([^"]+)"', read("docs/asyncapi.yaml"))
    for reference in references:
        assert resolve(asyncapi, reference), reference

    said = [
        reference["$ref"].rpartition("/")[2]
        for operation in asyncapi["operations"].values()
        for reference in operation["messages"]
    ]
    assert sorted(said) == sorted(asyncapi["components"]["messages"])


def test_log_events_stand_in_the_operators_page():
    """Each event has a row with its level and all its fields, and no row is of another event."""
    text = section("docs/operations.md", "## Logs")
    rows = {name: cells for name, cells in table(text).items() if len(cells) == 4}
    calls = log_calls()
    events = {event for event in calls if re.fullmatch(r"[a-z_]+", event)}
    assert len(events) > 15

    assert events == set(rows) - {"event"} == set(LEVELS)
    for event in events:
        fields, _ = calls[event]
        assert LEVELS[event] == rows[event][1], event
        assert fields - {"always"} <= set(re.findall(r"`(\w+)`", rows[event][2])), event
    for sentence in calls.keys() - events:
        assert f"`{sentence}`" in text, sentence


def test_log_events_are_written_at_their_level():
    """A call that names a level names the one of the table; `log` takes it from there."""
    for event, (_, methods) in log_calls().items():
        level = LEVELS[event]
        allowed = {"log", level} | ({"exception"} if level == "error" else set())
        assert methods <= allowed, event


def test_reasons_of_not_ready_stand_in_the_operators_page():
    """Each word of /readyz has a row."""
    reasons = re.findall(r'return "(\w+)"', read("tornado_app/health.py"))
    assert len(reasons) >= 3

    assert set(reasons) <= set(table(section("docs/operations.md", "## Health and readiness")))


def test_commands_and_their_options_stand_in_the_readme():
    """Each command of run.py has a row that names its options."""
    rows = section("README.md", "## Commands")
    parsers = next(
        action.choices
        for action in gateway_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    assert set(COMMANDS) == set(parsers)

    for command, parser in parsers.items():
        row = next(line for line in rows.splitlines() if f"`run.py {command}" in line)
        shown = (a for a in parser._actions if a.help != argparse.SUPPRESS)
        for action in shown:
            for option in action.option_strings:
                if option not in {"-h", "--help"}:
                    assert option in row or option == "--config", f"{command} {option}"


def test_option_of_all_commands_stands_in_the_readme():
    """`--config` belongs to all commands and is shown once."""
    assert "--config" in section("README.md", "## Configure")


def test_options_of_the_local_model_are_documented():
    """Each option of `run.py model` has a row."""
    rows = table(section("docs/local-model.md", "## Alone"))
    options = [option for action in model_parser()._actions for option in action.option_strings]

    assert set(options) - {"-h", "--help"} == {row for row in rows if row.startswith("--")}


def test_faults_of_the_local_model_are_documented():
    """Each fault has a row with its bounds, its default and its moment, and there is no other."""
    text = section("docs/local-model.md", "## Faults on demand")
    rows = table(text.partition("| `malformed` | the")[0])
    rows = {name: cells for name, cells in rows.items() if len(cells) == 5 and name != "fault"}
    assert set(KINDS) == set(rows)

    for name, kind in KINDS.items():
        _, allowed, default, moment, _ = rows[name]
        assert moment == ("" if kind.when is None else str(kind.when)), name
        match kind.value:
            case Number():
                assert allowed.startswith(f"{kind.value.low:g} to {kind.value.high:.0f}"), name
                assert default == f"{kind.value.default:g}", name
            case Words() if allowed != "see below":
                assert re.findall("`([^`]+)`", allowed) == list(kind.value.allowed), name
                assert default == kind.value.default, name
            case None:
                assert allowed == default == "", name


def test_malformed_frames_of_the_local_model_are_documented():
    """Each stands in the first column of a row."""
    rows = section("docs/local-model.md", "## Faults on demand").partition("| `malformed` | the")[2]
    shown = re.findall(r"^\| ((?:`[^`]+` ?)+)\|", rows, re.MULTILINE)

    assert set(BAD_FRAMES) == {name for cell in shown for name in re.findall("`([^`]+)`", cell)}


def test_steps_of_scripts_are_documented():
    """Each step and each of its options has its place in the table."""
    rows = table(section("docs/local-model.md", "## Scripts"))
    steps = {name: cells for name, cells in rows.items() if len(cells) == 3 and name != "step"}
    assert {*ACTIONS, "connection"} == set(steps)

    for name, (_, options) in ACTIONS.items():
        assert set(options) == set(re.findall("`([a-z_]+)`", steps[name][2])), name


def test_targets_of_make_stand_in_contributing():
    """Each target of the Makefile has a row, and each row is a target."""
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    rows = table(read("CONTRIBUTING.md"))

    assert targets == {row.removeprefix("make ") for row in rows if row.startswith("make ")}
    assert "make run" in read("README.md")
    assert "make test" in read("README.md")


@pytest.mark.parametrize("page", PAGES)
def test_links_between_documents_resolve(page):
    """A link leads to a file that is there, and to a heading of it."""
    for target in re.findall(r"\]\(([^)\s]+)\)", read(page)):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path.read_text(encoding="utf-8")), target


def commands(page):
    """What is to be typed, with QUOTED for what stands in quotes; scripts have their own shell."""
    for language, block in re.findall(
        r"^```(\w*)\n(.*?)^```", read(page), re.MULTILINE | re.DOTALL
    ):
        text = re.sub(r"<<'(\w+)'\n.*?^\1$", "", block, flags=re.MULTILINE | re.DOTALL)
        for line in text.splitlines():
            if (language == "sh" and not text.startswith("#!")) or line.startswith("$ "):
                yield re.sub(r"'[^']*'|\"[^\"]*\"", "QUOTED", line)


@pytest.mark.parametrize("page", PAGES)
def test_commands_do_the_same_in_every_shell(page):
    """Also in zsh, which takes ? and * for patterns, and # behind a command for a word of it."""
    for line in commands(page):
        assert line.startswith("#") or not re.search(r"[?*\[]|\s#", line), line


@pytest.mark.parametrize("page", PAGES)
def test_packages_are_installed_where_parley_runs(page):
    assert not re.findall(r"(?<![\w/])pip install.*", read(page))


@pytest.mark.parametrize("clip", sorted((ROOT / "tests/data").glob("*.wav")), ids=lambda p: p.stem)
def test_recording_has_its_words_and_its_origin(clip):
    """Each recording has a text of what is said and a row that says where it is from."""
    words = clip.with_suffix(".txt").read_text(encoding="utf-8").split()

    assert len(words) > 5
    assert clip.name in table(read("tests/data/README.md"))
