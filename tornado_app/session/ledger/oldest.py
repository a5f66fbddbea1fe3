"""Which of a conversation is old enough to be summed up: whole turns in which nothing is open."""

from collections.abc import Iterator, Sequence

from tornado_app.session.ledger.entries import (
    AnyEntry,
    ModelSaid,
    Summed,
    ToolAnswered,
    ToolCalled,
    UserSaid,
)


def oldest_turns(entries: Sequence[AnyEntry], most_bytes: int, most_entries: int) -> list[AnyEntry]:
    """Without which the others are within both bounds, or nearly: it ends before a turn that is
    under way, and the last is never among them.

    With the summary of what was before them, if there is one.
    """
    before = [entry for entry in entries[:1] if isinstance(entry, Summed)]
    turns = list(_turns(entries[len(before) :]))
    left_bytes, left_entries = sum(entry.size_bytes for entry in entries), len(entries)
    oldest: list[AnyEntry] = []
    for turn in turns[:-1]:
        is_within = left_bytes <= most_bytes and left_entries <= most_entries
        if is_within or not _is_over(turn):
            break
        oldest += turn
        left_bytes -= sum(entry.size_bytes for entry in turn)
        left_entries -= len(turn)
    return before + oldest if oldest else []


def _turns(entries: Sequence[AnyEntry]) -> Iterator[list[AnyEntry]]:
    """Each begins where the user speaks."""
    turn: list[AnyEntry] = []
    for entry in entries:
        if isinstance(entry, UserSaid) and turn:
            yield turn
            turn = []
        turn.append(entry)
    if turn:
        yield turn


def _is_over(turn: list[AnyEntry]) -> bool:
    answered = {entry.call_id for entry in turn if isinstance(entry, ToolAnswered)}
    return all(_is_whole(entry, answered) for entry in turn)


def _is_whole(entry: AnyEntry, answered: set[str]) -> bool:
    match entry:
        case UserSaid(is_committed=is_committed):
            return is_committed
        case ModelSaid(is_complete=is_complete, heard_ms=heard_ms):
            return is_complete or heard_ms is not None
        case ToolCalled(call_id=call_id):
            return call_id in answered
        case _:
            return True
