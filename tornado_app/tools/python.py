"""Tools in Python: marked functions of a module, with the schema of their signature."""

import contextlib
import inspect
import re
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from parley_tools import MARK, Caller, Marks, ToolError
from tornado_app.protocol.realtime.functions import Function, Manners
from tornado_app.settings.words import wrong_fields
from tornado_app.tools.manners import MannersEntry
from tornado_app.tools.marked import is_caller, marks_of
from tornado_app.tools.other_loop import OtherLoop
from tornado_app.tools.result import FAILED, Result
from tornado_app.tools.threads import CallThreads


def _of_class(value: object) -> object:
    """A text or number of a class of its own, as numpy and readers of HTML have them."""
    match value:
        case str():
            return str.__str__(value)
        case int():
            return int.__int__(value)
        case float():
            return float.__float__(value)
    raise TypeError


_encoder = msgspec.json.Encoder(enc_hook=_of_class)
_CALLER = msgspec.json.schema(Caller)["$defs"]["Caller"]
"""As the model would be told of one, which it may not say."""


@dataclass(frozen=True)
class PythonTool:
    """One function.  Thread: loop; the function runs elsewhere."""

    function: Function
    scopes: frozenset[str]
    wanted: type[msgspec.Struct] = field(repr=False)
    """Its parameters, as a value."""
    caller_name: str | None
    """The parameter that is told who calls."""
    performed: Callable[..., Any] = field(repr=False)
    threads: CallThreads = field(repr=False)
    loop: OtherLoop = field(repr=False)

    @property
    def name(self) -> str:
        return self.function.name

    async def call(self, arguments: str, caller: Caller) -> Result:
        try:
            given = msgspec.json.decode(arguments or "{}", type=self.wanted)
        except msgspec.ValidationError as error:
            return Result.fault(f"{error}.", "invalid_arguments")
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return Result.fault("The arguments are not JSON.", "invalid_arguments")
        except Exception as error:  # noqa: BLE001  of a type of the operator's
            return _error(error)
        values = {name: getattr(given, name) for name in self.wanted.__struct_fields__}
        if self.caller_name is not None:
            values[self.caller_name] = caller
        try:
            return await self._perform(values)
        except RuntimeError:
            return Result.fault("The tool is busy. Call it again later.", "busy", "threads")

    async def _perform(self, values: dict[str, Any]) -> Result:
        name, performed = self.function.name, self.performed
        if inspect.iscoroutinefunction(performed):

            async def begun() -> Result:
                try:
                    return _result(await performed(**values))
                except BaseException as error:  # noqa: BLE001  the loop turns on for the others
                    return _error(error)

            return typing.cast(Result, await self.loop.run(name, begun))

        def work() -> Result:
            try:
                return _result(performed(**values))
            except BaseException as error:  # noqa: BLE001  the same, and a thread ends with none
                return _error(error)

        return typing.cast(Result, await self.threads.run(name, work))


def find_tools(
    module: object, threads: CallThreads, loop: OtherLoop
) -> Iterator[PythonTool | ValueError]:
    """The marked functions of *module* in the order of their definition.

    One that cannot be a tool is a `ValueError` with words for the operator.
    """
    for value in list(vars(module).values()):
        marks = marks_of(value, MARK)
        if isinstance(marks, Marks) and callable(value):
            try:
                yield _tool(value, marks, threads, loop)
            except ValueError as error:
                yield error


def _tool(
    performed: Callable[..., Any], marks: Marks, threads: CallThreads, loop: OtherLoop
) -> PythonTool:
    name = str(marks.name or getattr(performed, "__name__", ""))
    description = inspect.getdoc(performed)
    if not description:
        raise ValueError(f"{name} needs a docstring: it is what the model is told")
    wanted, caller_name = _parameters(name, performed)
    try:
        schema = _plain(msgspec.json.schema(wanted))
    except (TypeError, RecursionError) as error:
        raise ValueError(f"{name}: {error}") from None
    if _CALLER in schema.get("$defs", {}).values():
        raise ValueError(f"{name}: a Caller must be a parameter itself, and no part of another")
    if not isinstance(marks.timeout_s, int | float):
        raise ValueError(f"{name}: timeout_s must be a number of seconds")  # noqa: TRY004
    description = re.sub(r"\s+", " ", description)
    function = Function(name, description, schema, float(marks.timeout_s), _manners(name, marks))
    return PythonTool(function, marks.scopes, wanted, caller_name, performed, threads, loop)


def _manners(name: str, marks: Marks) -> Manners:
    given = {
        "filler": marks.filler,
        "filler_after_ms": marks.filler_after_ms,
        "shown": marks.shown,
    }
    for mark, reason in wrong_fields(given, MannersEntry):
        raise ValueError(f"{name}: {mark} {reason}")
    return msgspec.convert(given, MannersEntry).manners


def _parameters(
    name: str, performed: Callable[..., Any]
) -> tuple[type[msgspec.Struct], str | None]:
    """The parameters as a type of values, and which of them is told who calls."""
    try:
        hints = typing.get_type_hints(performed, include_extras=True)
    except Exception as error:  # noqa: BLE001  annotations may hold anything
        raise ValueError(f"{name}: its types cannot be read: {error}") from None
    fields: list[Any] = []
    caller_name = None
    for parameter in inspect.signature(performed).parameters.values():
        if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
            raise ValueError(f"{name}: its parameters must have names, {parameter} has none")
        if parameter.name not in hints:
            raise ValueError(f"{name}: the parameter {parameter.name} needs a type")
        if is_caller(hints[parameter.name]):
            if caller_name is not None:
                raise ValueError(f"{name}: only one parameter may be a Caller")
            caller_name = parameter.name
        elif parameter.default is parameter.empty:
            fields.append((parameter.name, hints[parameter.name]))
        else:
            fields.append((parameter.name, hints[parameter.name], parameter.default))
    try:
        wanted = msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name}: {error}") from None
    return wanted, caller_name


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of the parameters itself, in place of a reference to it."""
    definitions = dict(schema.get("$defs", {}))
    top: dict[str, Any] = definitions.pop(schema["$ref"].rpartition("/")[2])
    top.pop("title", None)
    return top | ({"$defs": definitions} if definitions else {})


def _result(value: object) -> Result:
    """Text as it is, anything else as JSON."""
    if isinstance(value, str):
        return Result(value)
    try:
        return Result(_encoder.encode(value).decode())
    except (TypeError, ValueError, RecursionError, UnicodeError) as error:
        sentence = "The tool returned something that is no JSON."
        return Result.fault(sentence, detail=type(error).__name__)


def _error(error: BaseException) -> Result:
    """What it says is for the model only if it was meant for it."""
    if isinstance(error, ToolError):
        # A class of its own may raise here, too, and what ends a program would end this one.
        with contextlib.suppress(BaseException):
            return Result.fault(str(error) or FAILED, detail="ToolError")
    return Result.fault(FAILED, detail=type(error).__name__)
