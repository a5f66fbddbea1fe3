"""A talk as the request of a chat completion."""

from typing import Any

from local_realtime.brain.dialogue import Line, Talk

MAX_LETTERS = 400_000
"""A hundred thousand tokens; what was said before is left out."""

NO_OUTPUT = "(no output)"
ORPHAN = "A function gave this output: {}"


def request_of(talk: Talk, model: str) -> dict[str, Any]:
    """The JSON of a streamed completion that answers *talk*."""
    request: dict[str, Any] = {"messages": messages_of(talk), "stream": True}
    if model:
        request["model"] = model
    if talk.max_output_tokens is not None:
        # Newer servers have another name for it; all of them still take this one.
        request["max_tokens"] = talk.max_output_tokens
    if talk.tools and talk.tool_choice != "none":
        request["tools"] = [_tool(tool) for tool in talk.tools]
        request["tool_choice"] = _choice(talk.tool_choice)
        if not talk.parallel_tool_calls:
            request["parallel_tool_calls"] = False
    return request


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    parameters = tool.get("parameters") or {"type": "object", "properties": {}}
    function = {"name": tool["name"], "parameters": parameters}
    if tool.get("description"):
        function["description"] = tool["description"]
    return {"type": "function", "function": function}


def _choice(choice: Any) -> Any:
    if isinstance(choice, dict):
        return {"type": "function", "function": {"name": choice["name"]}}
    return choice


def messages_of(talk: Talk) -> list[dict[str, Any]]:
    """The conversation.  Each call is followed at once by its output, as chat servers demand."""
    lines = _recent(talk.lines)
    outputs = {line.call_id: line.text for line in lines if line.speaker == "function"}
    called = {line.call_id for line in lines if line.speaker == "call"}
    messages: list[dict[str, Any]] = []
    if talk.instructions:
        messages.append({"role": "system", "content": talk.instructions})
    waiting: list[Line] = []
    for line in [*lines, None]:
        if line is not None and line.speaker == "call":
            waiting.append(line)
            continue
        if line is not None and line.speaker == "function" and line.call_id in called:
            continue
        messages += _called(waiting, outputs)
        waiting = []
        if line is not None and line.text.strip():
            messages.append(_said(line))
    return messages


def _recent(lines: tuple[Line, ...]) -> list[Line]:
    kept: list[Line] = []
    letters = 0
    for line in reversed(lines):
        letters += len(line.text)
        if kept and letters > MAX_LETTERS:
            break
        kept.insert(0, line)
    return kept


def _called(calls: list[Line], outputs: dict[str, str]) -> list[dict[str, Any]]:
    if not calls:
        return []
    told = [
        {
            "id": call.call_id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.text},
        }
        for call in calls
    ]
    results = [
        {
            "role": "tool",
            "tool_call_id": call.call_id,
            "content": outputs.get(call.call_id, NO_OUTPUT),
        }
        for call in calls
    ]
    return [{"role": "assistant", "content": "", "tool_calls": told}, *results]


def _said(line: Line) -> dict[str, Any]:
    if line.speaker == "function":
        return {"role": "user", "content": ORPHAN.format(line.text)}
    return {"role": line.speaker, "content": line.text}
