"""The modules of a page as one script: a browser is done sooner with one file than with thirty."""

import re
from collections.abc import Callable

_IMPORT = re.compile(r'import (?:\{ ((?:\w+, )*\w+) \}|\* as (\w+)) from "([^"]+)";')
_EXPORT = re.compile(r"export (?:const|class|function|async function) (\w+)")
_MODULE = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def joined(first: str, read: Callable[[str], str]) -> str:
    """The module *first* with all that it imports from beside it, each by its name.

    Each becomes what a function gives back, so that a name is another's only where it is imported.
    What is imported from another folder stays a file of its own.

    Raises:
        ValueError: If modules import each other in a circle, or one says it in a way that is not
            known here.
    """
    outside: dict[str, None] = {}
    parts: dict[str, str] = {}
    open_: list[str] = []

    def add(name: str) -> None:
        if name in open_:
            raise ValueError(f"{' -> '.join([*open_, name])} is a circle of imports.")
        if name in parts:
            return
        open_.append(name)
        script = read(name)
        for names, _, path in _IMPORT.findall(script):
            if path.startswith("./"):
                add(path.removeprefix("./"))
            elif names:
                outside[f'import {{ {names} }} from "{path}";'] = None
        parts[name] = _as_function(name, script)
        open_.pop()

    add(first)
    return "\n".join([*outside, *parts.values()]) + "\n"


def _as_function(name: str, script: str) -> str:
    for line in _MODULE.findall(script):
        if not (_IMPORT.fullmatch(line) or _EXPORT.match(line)):
            raise ValueError(f"{name} has a line that cannot be joined: {line}")
    given = ", ".join(_EXPORT.findall(script))
    body = _IMPORT.sub(_taken, script)
    body = re.sub(r"^export ", "", body, flags=re.MULTILINE).strip("\n")
    return f"const {_variable(name)} = (() => {{\n{body}\nreturn {{ {given} }};\n}})();"


def _taken(line: re.Match[str]) -> str:
    names, whole, path = line.groups()
    if not path.startswith("./"):
        return ""
    return f"const {whole or f'{{ {names} }}'} = {_variable(path.removeprefix('./'))};"


def _variable(name: str) -> str:
    return re.sub(r"\W", "_", name)
