"""docs/asyncapi.yaml says of every value what the code does, and nothing more."""

import json
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tornado_app.errors import Refused
from tornado_app.policy.fields import FIELDS
from tornado_app.policy.turns import NAMES
from tornado_app.policy.wrong import Wrong
from tornado_app.protocol import told
from tornado_app.protocol.voice_v1.client import parse_client, read_introduction, read_place
from tornado_app.protocol.voice_v1.client_messages import MESSAGES
from tornado_app.protocol.voice_v1.server import TYPES, encode

DOCUMENT = json.loads((Path(__file__).parents[1] / "docs" / "asyncapi.yaml").read_text("utf-8"))
TOLD, DEFINITIONS = msgspec.json.schema_components(TYPES, ref_template="#/$defs/{name}")
WRITTEN_BY_ENCODE = {"audio_received": "timestamp"}
"""Beside the values of a message."""
NARROWER = {
    "server_connection_status.negotiated.turn_detection",
    "server_connection_status.negotiated.recorded",
    "server_configured.turn_detection",
    "server_response_done.continues",
}
"""What the types of the code leave open: it is one of few words, or true where it is there."""

FUNCTION = {"name": "f"}
NUMBERS: list[Any] = [-1, 0, 1, 8, 9, 4096, 4097, 7999, 8000, 192_000, 192_001, 3_600_000]
NUMBERS += [3_600_001, 99_999_999, 100_000_000, 0.24, 0.25, 0.5, 1.5, 1.51, True]
TEXTS = ["", "x", "en", "de-DE", "e", "en_GB", "cedar", *("x" * n for n in (64, 65, 128, 129))]
TEXTS += ["x" * n for n in (200, 201, 256, 257, 32_768, 32_769, 65_536, 65_537)]
WORDS = ["audio", "text", "base64", "binary", "any", "pcm16", "float32", "pcmu", "pcma", "opus"]
WORDS += ["server_vad", "semantic_vad", "none", "auto", "required", "wav", "flac", "ogg", "mp3"]
TURN = {"role": "user", "text": "Hello"}
OBJECTS: list[Any] = [
    *(
        {},
        [],
        {"x": "y"},
        {"x": 1},
        {str(n): "" for n in range(64)},
        {str(n): "" for n in range(65)},
    ),
    *([FUNCTION], [FUNCTION | {"type": "function"}], [FUNCTION | {"type": "web"}]),
    *([{"name": "x" * 64}], [{"name": "x" * 65}], [{"name": "a b"}], [{}]),
    *([FUNCTION | {"description": n * "x"}] for n in (0, 4096, 4097)),
    *([FUNCTION | {"parameters": n}] for n in ({"type": "object"}, {}, [], "x")),
    [FUNCTION | {"strict": True}],
    *([{"name": f"f{n}"} for n in range(many)] for many in (32, 33)),
    *({"type": "function", "name": name} for name in ("f", "", "x" * 65, 1)),
    *({"type": kind, "name": "f"} for kind in ("mcp", None)),
    {"type": "function"},
    *([TURN] * many for many in (1, 128, 129)),
    *([TURN | change] for change in ({"role": "system"}, {"text": ""}, {"text": 1}, {"x": 1})),
    *([TURN | {"text": "x" * many}] for many in (32_768, 32_769)),
    *({"type": kind} for kind in ("server_vad", "semantic_vad", "none", "x", None)),
    *(
        {"type": kind, part: value}
        for kind in ("server_vad", "semantic_vad", "none")
        for part, values in {
            "threshold": (0, 0.5, 1, 1.1, -0.1, "x", None, True),
            "prefix_padding_ms": (0, 10_000, 10_001, -1, 0.5, None),
            "silence_duration_ms": (49, 50, 10_000, 10_001, None),
            "idle_timeout_ms": (4999, 5000, 30_000, 30_001, None, True),
            "eagerness": ("low", "medium", "high", "auto", "x", None),
            "create_response": (True, False, None, 1),
            "interrupt_response": (True, False, None, "x"),
            "x": (1,),
        }.items()
        for value in values
    ),
]
VALUES: list[Any] = [None, *NUMBERS, *TEXTS, *WORDS, *OBJECTS]


NEEDED = {"audio": "AAAA", "text": "Hello", "image": "AAAA", "format": "png", "item_id": "i"}
NEEDED |= {"played_ms": 0, "call_id": "c", "output": "x", "last_seq": 0, "token": "t"}
LATER = {("image", "format")}
"""What is read as it is, and judged when the session knows more."""
FEW = {kind: {"turn_detection": Literal[NAMES]} for kind in (told.Configured, told.Negotiated)}
PLAIN: dict[Any, Any] = {
    str: st.text(max_size=9),
    int: st.integers(1, 1 << 40),
    float: st.floats(0, 1e9),
    bool: st.just(True),
    Any: st.none() | st.integers() | st.text(max_size=3),
}


def strict(schema):
    """The same where a field that is not named is a mistake."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    same = {key: strict(each) for key, each in schema.items()}
    return {"additionalProperties": False, **same} if "properties" in same else same


def payload_of(side, name):
    """The schema of a message, with what it refers to beside it."""
    payload = DOCUMENT["components"]["messages"][f"{side}_{name}"]["payload"]
    if side == "client":
        return payload | {"components": DOCUMENT["components"]}
    envelope, own = payload["allOf"]
    envelope = DOCUMENT["components"]["schemas"][envelope["$ref"].rpartition("/")[2]]
    fields = envelope["properties"] | {n: strict(s) for n, s in own["properties"].items()}
    closed = {"properties": fields, "additionalProperties": False}
    return envelope | closed | {"components": strict(DOCUMENT["components"])}


PAYLOADS = {
    (side, name): payload_of(side, name)
    for side, names in (("client", MESSAGES), ("server", TYPES.values()))
    for name in names
}
VALIDATORS = {key: jsonschema.Draft202012Validator(schema) for key, schema in PAYLOADS.items()}


def shape(schema, root):
    """What a schema lets through, in the words that both sides have."""
    if "$ref" in schema:
        target = root
        for key in schema["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        return shape(target, root)
    parts = [shape(each, root) for each in schema.get("anyOf", ())]
    types = set().union(*(part["types"] for part in parts))
    named = schema.get("type", [])
    types |= {named} if isinstance(named, str) else set(named)
    allowed = [schema["const"]] if "const" in schema else schema.get("enum")
    if allowed is not None and not types:
        types = {{bool: "boolean", str: "string"}[type(each)] for each in allowed}
    merged: dict[str, Any] = {"allowed": None, "fields": {}, "needed": set(), "each": None}
    for part in parts:
        merged |= {key: part[key] for key in merged if part[key]}
    each = schema.get("additionalProperties") or schema.get("items") or None
    return {
        "types": types,
        "allowed": set(allowed) if allowed is not None else merged["allowed"],
        "fields": {n: shape(s, root) for n, s in schema.get("properties", {}).items()}
        or merged["fields"],
        "needed": set(schema.get("required", ())) or merged["needed"],
        "each": shape(each, root) if isinstance(each, dict) else merged["each"],
    }


def differences(path, code, document):
    """Where the document says something else of a value than the code."""
    if code["types"] != document["types"]:
        yield f"{path}: {code['types']} is documented as {document['types']}"
    if code["allowed"] != document["allowed"] and (code["allowed"] or path not in NARROWER):
        yield f"{path}: {code['allowed']} is documented as {document['allowed']}"
    if set(code["fields"]) != set(document["fields"]) or code["needed"] != document["needed"]:
        yield f"{path}: has other fields, or needs others"
    for name in code["fields"].keys() & document["fields"].keys():
        inner = code["fields"][name]
        if name not in code["needed"]:
            inner["types"].discard("null")  # it is left out
        yield from differences(f"{path}.{name}", inner, document["fields"][name])
    if (code["each"] is None) != (document["each"] is None):
        yield f"{path}: what is in it is said by one alone"
    elif code["each"]:
        yield from differences(f"{path}[]", code["each"], document["each"])


@pytest.mark.parametrize(("kind", "name"), TYPES.items())
def test_what_a_client_is_told_is_documented_to_the_last_value(kind, name):
    """Types, words that may stand there, fields within fields, and which of them may be absent."""
    code = shape(TOLD[list(TYPES).index(kind)], {"$defs": DEFINITIONS})
    code["fields"].pop("sentence", None)  # it travels in the envelope
    code["needed"].discard("sentence")
    if written := WRITTEN_BY_ENCODE.get(name):
        code["fields"][written] = shape({"type": "integer"}, {})
        code["needed"].add(written)
    data = DOCUMENT["components"]["messages"][f"server_{name}"]["payload"]["allOf"][1]

    assert [] == list(
        differences(f"server_{name}", code, shape(data["properties"]["data"], DOCUMENT))
    )


def values_of(hint):
    """Some value of a type, every field set."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return values_of(inner[0])
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (Union, UnionType):
        return st.one_of(*(values_of(each) for each in inner if each is not NoneType))
    if origin is dict:
        return st.dictionaries(st.text(max_size=4), values_of(inner[1]), max_size=2)
    if origin is tuple:
        return st.tuples(values_of(inner[0]))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        fields = get_type_hints(hint, include_extras=True) | FEW.get(hint, {})
        return st.builds(hint, **{name: values_of(fields[name]) for name in hint.__struct_fields__})
    return PLAIN[hint]


@pytest.mark.parametrize(("kind", "name"), TYPES.items())
@settings(max_examples=10)
@given(data=st.data())
def test_what_is_written_is_as_documented(kind, name, data):
    """Envelope and all, also what `encode` writes by hand."""
    said = json.loads(encode(data.draw(values_of(kind)), 1, 1_800_000_000_000))

    assert [] == [each.message for each in VALIDATORS["server", name].iter_errors(said)]


def is_taken(name, message):
    """Whether the code reads it, and takes what a `configure` changes."""
    text = json.dumps(message)
    try:
        if name == "authenticate":
            read_introduction(text)
        elif name == "resume_from":
            read_place(text)
        else:
            read = parse_client(text)
            for field, value in read.changes.items() if name == "configure" else ():
                FIELDS[field].check(field, value)
    except (Refused, Wrong):
        return False
    return True


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, field.encode_name)
        for name, kind in MESSAGES.items()
        for field in msgspec.structs.fields(kind)
    ],
)
def test_what_a_client_may_say_is_documented_to_its_bounds(name, field):
    """Of each field what is in the document is taken, and what is not is refused."""
    validator = VALIDATORS["client", name]
    needed = {other: NEEDED[other] for other in PAYLOADS["client", name]["required"][1:]}

    messages = [{"type": name, **needed, field: value} for value in VALUES]
    wrong = [m for m in messages if validator.is_valid(m) != is_taken(name, m)]
    assert [] == [m for m in wrong if (name, field) not in LATER or is_taken(name, m) is False]


@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_missing_or_unknown_is_so_in_the_document(name):
    validator, schema = VALIDATORS["client", name], PAYLOADS["client", name]
    whole = {"type": name, **{other: NEEDED[other] for other in schema["required"][1:]}}
    whole |= {"speed": 1} if name == "configure" else {}
    less = [{n: v for n, v in whole.items() if n != left_out} for left_out in whole]

    for message in (whole, *(each for each in less if "type" in each), whole | {"x": 1}):
        assert validator.is_valid(message) == is_taken(name, message), message
    assert validator.is_valid(whole)
