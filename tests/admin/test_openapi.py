"""What the description of the administration says is what its handlers do."""

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from importlib.resources import files

from tornado_app.handlers.admin.routes import BELOW, admin_routes

ROOM = "tornado_app.handlers.admin"
STATUS_IN = {"Failed": 0, "tell": 0, "answer": 0, "fail": 0, "refuse": 1}
"""Who is handed a status, and as which of its arguments."""
OF_ALL = {400, 401, 403, 503}
"""That it cannot be read, who asks, from where, and that no process answers."""


def calls_in(function) -> list[ast.Call]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def statuses(handler, function, seen: set) -> Iterator[int]:
    """Those that *function* of a *handler* answers with, and whatever of the room it calls."""
    if function in seen:
        return
    seen.add(function)
    for call in calls_in(function):
        of, _, name = ast.unparse(call.func).rpartition(".")
        if of in {"", "self"} and name in STATUS_IN:
            yield ast.literal_eval(call.args[STATUS_IN[name]])
            continue
        for other in (getattr(handler, name, None), inspect.getmodule(function).__dict__.get(name)):
            if inspect.isfunction(other) and other.__module__.startswith(ROOM):
                yield from statuses(handler, inspect.unwrap(other), seen)


def test_each_status_of_a_handler_is_described():
    """And none that it never has."""
    paths = json.loads(files("tornado_app.admin").joinpath("openapi.json").read_text())["paths"]
    routes = {
        re.sub(r"\(\[\^/\]\+\)", "{}", path): handler
        for path, handler, _ in admin_routes(None, None)
    }
    differ = {}
    for path, operations in paths.items():
        handler = routes[BELOW + re.sub(r"\{\w+\}", "{}", path)]
        assert {method.upper() for method in operations} == set(handler.allowed), path
        for method, operation in operations.items():
            described = {int(status) for status in operation["responses"]}
            answered = {*statuses(handler, getattr(handler, method), set())} | OF_ALL
            if described != answered:
                differ[f"{method} {path}"] = described ^ answered

    assert {} == differ
