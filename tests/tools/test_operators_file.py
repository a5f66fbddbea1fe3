"""The operator's file of tools, and what is said of one that is wrong."""

import subprocess
import sys
import tomllib
from functools import partial
from pathlib import Path

import msgspec
import pytest

from tests.calls import tool_house
from tests.calls.tool_house import MODULE
from tornado_app.protocol.realtime.functions import Manners
from tornado_app.settings.schema import Tools
from tornado_app.tools.found import read_tools
from tornado_app.tools.mcp import entry
from tornado_app.tools.mcp.address import Listed, ListedTool

ROOT = Path(__file__).parents[2]
HANDED_BY = 'handled_by = "model"\n'
http_tool = partial(tool_house.http_tool, timeout_s=0.5)
GOOD = http_tool("good", "https://example.com/x")
MCP = '[mcp.shop]\nurl = "https://example.com/mcp"\ntools = ["find"]\n'


HANDED = MCP + HANDED_BY


@pytest.fixture
def installed(monkeypatch):
    """The package of MCP need not be there for a file to be read."""
    monkeypatch.setattr(entry, "version", lambda _: "2.3.0")


def tools_of(file):
    """The settings with this file, and the rest as it stands."""
    tables = tomllib.loads((ROOT / "conf/gateway.toml").read_text())
    return msgspec.convert(tables["tools"] | {"file": file}, Tools)


def found(folder, toml):
    file = folder / "tools.toml"
    file.write_text(toml)
    return read_tools(tools_of(str(file)), lambda *_: None)


def test_no_file_is_no_tools():
    """The default."""
    empty = read_tools(tools_of(""), lambda *_: None)

    assert ([], ()) == (empty.problems, empty.toolbox.functions(()))


def test_the_example_is_right(monkeypatch, installed):
    """As it stands, with the key that it wants."""
    monkeypatch.setenv("WEATHER_SIGNING_KEY", "k" * 32)
    example = read_tools(tools_of(str(ROOT / "conf/tools.toml")), lambda *_: None)

    assert [] == example.problems
    names = [function.name for function in example.toolbox.functions(())]
    assert ["get_weather", "get_stock", "book_table"] == names
    assert "get_opening_hours" in example.toolbox.all_names


def test_the_file_is_found_from_everywhere(monkeypatch, tmp_path, installed):
    """Below the directory of run.py, whatever the working directory."""
    monkeypatch.setenv("WEATHER_SIGNING_KEY", "k" * 32)
    monkeypatch.chdir(tmp_path)

    assert [] == read_tools(tools_of("conf/tools.toml"), lambda *_: None).problems


def test_scopes_say_who_has_a_tool(tmp_path):
    """One of them is enough; a tool without scopes is everybody's."""
    entries = GOOD + http_tool("shop", "https://example.com/y", 'scopes = ["shop", "admin"]')
    toolbox = found(tmp_path, entries).toolbox

    assert ["good"] == [function.name for function in toolbox.functions({"speak"})]
    assert 2 == len(toolbox.functions({"admin"}))


def test_what_the_caller_notices_is_in_the_file_and_in_the_mark(tmp_path):
    """What is not said is as of all tools, and shown to nobody."""
    (tmp_path / "noticed.py").write_text(
        "from parley_tools import tool\n"
        '@tool(filler="One moment.", filler_after_ms=200, shown=("a", "b"))\n'
        'def said() -> str:\n    "Doc."\n'
    )
    entries = (
        http_tool("whole", "https://a", 'filler = "Hm."\nfiller_after_ms = 400\nshown = true')
        + http_tool("some", "https://a", 'filler = ""\nshown = ["a"]')
        + GOOD
        + '[python]\nmodule = "noticed"\n'
    )
    reading = found(tmp_path, entries)
    assert [] == reading.problems

    assert {
        "whole": Manners("Hm.", 400, True),
        "some": Manners("", None, frozenset({"a"})),
        "good": Manners(None, None, False),
        "said": Manners("One moment.", 200, frozenset({"a", "b"})),
    } == {each.name: each.manners for each in reading.toolbox.functions(())}


def test_what_the_caller_notices_holds_for_all_tools_of_a_server_of_mcp(tmp_path, installed):
    """Also for one that is listed anew."""
    reading = found(tmp_path, MCP + 'filler = "Hm."\nfiller_after_ms = 400\nshown = ["a"]\n')
    assert [] == reading.problems
    [tool] = [reading.toolbox.find("find")]

    for description in ("Finds.", "Finds more."):
        tool.server.heard(Listed((ListedTool("find", description, {"type": "object"}),)))
        [function] = reading.toolbox.functions(())
        assert description == function.description
        assert Manners("Hm.", 400, frozenset({"a"})) == function.manners


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("{", "it is not valid TOML"),
        ("htp = 1", "htp: is not known here; there may be http, python, mcp, use_"),
        ('[http.x]\nurl = "https://a"', "http.x.description: is missing; it must be text of 1 to"),
        (http_tool("x y", "https://a").replace("x y", '"x y"'), "a name has 1 to 64"),
        (http_tool("x", "ftp://a"), "http.x.url: must be http:// or https://"),
        (http_tool("x", "https://u:p@a"), "http.x.url: must be http:// or https://"),
        (http_tool("x", "http://[a"), "http.x.url: must be http:// or https://"),
        (http_tool("x", "http://a:99999"), "http.x.url: must be http:// or https://"),
        (http_tool("x", "http://a..b"), "http.x.url: must be http:// or https://"),
        (http_tool("x", "http://"), "http.x.url: must be http:// or https://"),
        (http_tool("x", "http://a b/"), "http.x.url: must be http:// or https://"),
        (http_tool("x", "https://a", 'headers = {Host = "b"}'), "Host is set by Parley itself"),
        (
            http_tool("x", "https://a", 'headers = {X-Parley-User = "b"}'),
            "X-Parley-User is set by Parley itself",
        ),
        (
            http_tool("x", "https://a") + 'pattern = "("\n',
            'http.x.parameters: properties.city.pattern: "(" is no "regex"',
        ),
        (
            http_tool("x", "https://a", 'method = "DELETE"'),
            'http.x.method: must be one of "GET", "PATCH", "POST", "PUT"',
        ),
        (
            http_tool("x", "https://a", "timeout_ms = 5"),
            "http.x.timeout_ms: is not known here; there may",
        ),
        (
            http_tool("x", "https://a").replace("0.5", "301"),
            "timeout_s: must be a number above 0 and at most 300",
        ),
        (http_tool("x", "https://a").replace('"object"', '"array"'), "http.x.parameters: "),
        (http_tool("x", "https://a").replace('"string"', '"strong"'), "http.x.parameters: "),
        (
            http_tool("x", "https://a").replace('"string"', "[]"),
            "http.x.parameters: properties.city.type: [] fits none of",
        ),
        (
            http_tool("x", "https://a") + "enum = []\n",
            "http.x.parameters: properties.city.enum: must have a value",
        ),
        (http_tool("x", "https://a") + "minimum = inf\n", "http.x.parameters: JSON has no dates"),
        (http_tool("x", "https://a") + "default = 2026-12-03\n", "http.x.parameters: JSON has no"),
        (
            http_tool("x", "https://a") + "items = {anyOf = [{enum = []}]}\n",
            "http.x.parameters: properties.city.items.anyOf.enum: must have a value",
        ),
        (http_tool("x", "https://a", 'headers = {"a b" = "c"}'), "is no name of a header"),
        (http_tool("x", "https://a", 'headers = {A = "b\\nc"}'), "printable ASCII"),
        (http_tool("x", "https://a", "headers = {A = {}}"), "headers.A: give either env or file"),
        (http_tool("x", "https://a", 'headers = {A = {env = "NO_SUCH"}}'), "NO_SUCH is not set"),
        (http_tool("x", "https://a", 'headers = {A = {file = "none"}}'), "none cannot be read"),
        (http_tool("x", "https://a", 'headers = {A = {file = "/dev/null"}}'), "null is empty"),
        (
            http_tool("x", "https://a", 'signing_key = {env = "SHORT_KEY"}'),
            "at least 16 bytes",
        ),
        (
            http_tool("x", "https://a", 'method = "GET"\nsigning_key = {env = "LONG_KEY"}'),
            "nothing to sign",
        ),
        (http_tool("x", "https://a", "filler_after_ms = 500"), "must be less than timeout_s"),
        (
            http_tool("x", "https://a", 'filler = "a\\nb"'),
            "http.x.filler: must be one line of at most 300",
        ),
        (
            http_tool("x", "https://a", f'filler = "{"x" * 301}"'),
            "http.x.filler: must be one line of at most 300",
        ),
        (
            http_tool("x", "https://a", "shown = 7"),
            "http.x.shown: must be true, false or a list of",
        ),
        (http_tool("x", "https://a", "headers = {A = 1}"), "http.x.headers: must be names and"),
        (http_tool("x", "https://a", 'signing_key = "k"'), 'signing_key: must be { env = "NAME" }'),
        (
            http_tool("x", "https://a", "scopes = 1"),
            "http.x.scopes: must be a list, each item text",
        ),
        (
            '[http.x]\ndescription = "a"\nurl = "b"\nparameters = 1',
            "must be a table, a JSON Schema",
        ),
        ("http = 1", "http: must be tables, written as [http.NAME]"),
        ("python = 1", "python: must be a table, written as [python]"),
        ("[mcp]\nshop = 1", "mcp: must be tables, written as [mcp.NAME]"),
        ("use_environment_proxies = 1", "use_environment_proxies: must be true or false"),
        ("[python]", "python.module: is missing; it must be text of 1 to 4096 characters"),
        ('[python]\nmodule = "no_such_module"', "no_such_module cannot be imported"),
        ('[python]\nmodule = "json"', "json has no function that is marked"),
        (MCP.partition("tools")[0], "mcp.shop.tools: is missing; it must be a list of"),
        (MCP.replace('["find"]', "[]"), "mcp.shop.tools: must be a list of 1 to 128 names"),
        (MCP.replace("https", "ftp"), "mcp.shop.url: must be http:// or https://"),
        (MCP.replace("mcp.shop", 'mcp."a b"'), "mcp.a b: a name has 1 to 64"),
        (MCP.replace('["find"]', f'["{"x" * 65}"]'), "a name has 1 to 64"),
        (MCP.replace('["find"]', '["a.b", "a/b"]'), "mcp.shop.tools: a_b: there is another tool"),
        (MCP + 'headers = {X-Parley-User = "b"}', "X-Parley-User is set by Parley itself"),
        (MCP + 'headers = {A = {env = "NO_SUCH"}}', "mcp.shop.headers.A: NO_SUCH is not set"),
        (MCP + 'signing_key = {env = "SHORT_KEY"}', "at least 16 bytes"),
        (MCP + "timeout_s = 301", "mcp.shop.timeout_s: must be a number above 0 and at most 300"),
        (MCP + "filler_after_ms = 10000", "mcp.shop: filler_after_ms must be less than timeout_s"),
        (MCP + "shown = 7", "mcp.shop.shown: must be true, false or a list of scopes"),
        *(
            (f"{HANDED}{line}", f"mcp.shop.{line.split()[0]}: is nothing that the model")
            for line in ('filler = "Hm."', "filler_after_ms = 500", "shown = true")
        ),
        (MCP + "command = 1", "mcp.shop.command: is not known here; there may be"),
        (HANDED + 'prefix = "a"', "mcp.shop.prefix: is nothing that the model can be told"),
        (HANDED + "timeout_s = 5", "mcp.shop.timeout_s: is nothing that the model can be told"),
        (
            HANDED + 'signing_key = {env = "LONG_KEY"}',
            "mcp.shop.signing_key: is nothing that the model can be told",
        ),
        (
            HANDED.replace("model", "nobody"),
            'mcp.shop.handled_by: must be one of "gateway", "model"',
        ),
        (HANDED.replace("https", "ftp"), "mcp.shop.url: must be http:// or https://"),
        (MCP + http_tool("find", "https://a"), "mcp.shop.tools: find: there is another tool"),
        (MCP + MCP.replace("shop", "other"), "mcp.other.tools: find: there is another tool"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, monkeypatch, toml, sentence):
    """In one sentence, which names the place, and no secret."""
    monkeypatch.setenv("SHORT_KEY", "canary")
    monkeypatch.setenv("LONG_KEY", "canary-canary-canary")
    problems = found(tmp_path, toml).problems

    assert any(sentence in problem for problem in problems), problems
    assert "canary" not in str(problems)


def test_everything_that_is_wrong_is_said_at_once(tmp_path):
    """Not only the first."""
    toml = http_tool("a", "ftp://a") + http_tool("b", "https://b", "x = 1") + GOOD

    assert 2 == len(found(tmp_path, toml).problems)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        ("def f(x: int): return x", "f needs a docstring"),
        ('def f(x): "Doc."', "the parameter x needs a type"),
        ('def f(*x: int): "Doc."', "must have names"),
        ('def f(x: "Nowhere"): "Doc."', "its types cannot be read"),
        ('def f(x: complex): "Doc."', "f: "),
        ('class X: pass\n@tool\ndef f(x: X): "Doc."', "f: "),
        ('@tool(filler="a\\nb")\ndef f(): "Doc."', "f: filler must be one line of at most 300"),
        ('@tool(timeout_s=None)\ndef f(): "Doc."', "f: timeout_s must be a number of seconds"),
        ('@tool(timeout_s="1")\ndef f(): "Doc."', "f: timeout_s must be a number of seconds"),
        ('@tool(shown=7)\ndef f(): "Doc."', "f: shown must be true, false or a list of scopes"),
        ('@tool(filler_after_ms=10000)\ndef f(): "Doc."', "filler_after_ms must be less than"),
    ],
)
def test_functions_that_cannot_be_tools(tmp_path, function, sentence):
    """The operator is told at the start."""
    name = f"wrong_{abs(hash(function))}"
    mark = "" if "@tool" in function else "@tool\n"
    (tmp_path / f"{name}.py").write_text(f"from parley_tools import tool\n{mark}{function}\n")
    problems = found(tmp_path, f'[python]\nmodule = "{name}"').problems

    assert any(sentence in problem for problem in problems), problems


def test_a_name_that_comes_twice(tmp_path):
    """Of both kinds."""
    (tmp_path / "twice_tools.py").write_text(MODULE)
    toml = http_tool("price", "https://a") + '[python]\nmodule = "twice_tools"\n'

    (problem,) = found(tmp_path, toml).problems
    assert "python: price: there is another tool of this name" == problem


def test_a_server_is_not_dialled_to_be_read(tmp_path, installed):
    """Nobody listens there, and nobody is asked; its tools are there when it has listed them."""
    read = found(tmp_path, MCP + 'prefix = "shop_"\n' + GOOD)

    assert [] == read.problems
    assert {"shop_find", "good"} == read.toolbox.all_names
    assert ["good"] == [function.name for function in read.toolbox.functions(())]


def test_the_package_of_mcp_is_an_option(tmp_path, monkeypatch):
    """Who needs it is told what to install; who does not, need not have it."""
    monkeypatch.setattr(entry, "PACKAGE", "no-such-package")
    [problem] = found(tmp_path, MCP).problems

    assert problem.startswith("mcp: the package mcp is not installed; ")
    assert problem.endswith(f"{Path(sys.executable).name} -m pip install -r requirements-mcp.txt")
    assert [] == found(tmp_path, GOOD).problems


def test_a_server_that_the_model_asks_needs_no_package(tmp_path, monkeypatch):
    """It is told of by scope, as tools are."""
    monkeypatch.setattr(entry, "PACKAGE", "no-such-package")
    read = found(tmp_path, HANDED + 'scopes = ["crm"]\nheaders = {A = "b"}')

    assert [] == read.problems
    assert () == read.toolbox.handed({"speak"})
    (server,) = read.toolbox.handed({"crm"})
    assert ("shop", ("find",), {"A": "b"}) == (server.label, server.allowed, server.headers)
    assert frozenset() == read.toolbox.all_names


def test_another_package_of_mcp_is_said(tmp_path, monkeypatch):
    """Its first version had other names for everything."""
    monkeypatch.setattr(entry, "version", lambda _: "1.30.0")

    (problem,) = found(tmp_path, MCP).problems
    assert problem.startswith("mcp: the package mcp is 1.30.0 and must be 2.x")


def test_nobody_else_imports_the_package_of_mcp(tmp_path):
    """It takes a second and 40 MB."""
    (tmp_path / "tools.toml").write_text(GOOD)
    program = (
        "import sys; from tests.tools.test_operators_file import *; "
        f"read_tools(tools_of({str(tmp_path / 'tools.toml')!r}), print).toolbox; "
        "print('mcp' in sys.modules, 'pydantic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert "False False" == done.stdout.strip()


def check_config(folder, toml, **environ):
    file = folder / "tools.toml"
    file.write_text(toml)
    done = subprocess.run(
        [sys.executable, "run.py", "check-config"],
        cwd=ROOT,
        env={"PATH": "", "PARLEY_TOOLS_FILE": str(file)} | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    return file, done


def test_the_model_on_this_computer_asks_no_server(tmp_path):
    """Which is said before there is a call; another model may."""
    _, local = check_config(tmp_path, HANDED)
    _, other = check_config(tmp_path, HANDED, PARLEY_UPSTREAM_API_KEY="sk-x")

    assert 2 == local.returncode
    assert "mcp.shop.handled_by: the model on this computer asks no server" in local.stderr
    assert 0 == other.returncode, other.stderr


def test_check_config_says_it(tmp_path):
    """With the name of the setting and the file."""
    file, done = check_config(tmp_path, http_tool("x", "ftp://a"))

    assert 2 == done.returncode
    assert f"tools.file (PARLEY_TOOLS_FILE): {file}: http.x.url: must be" in done.stderr
