"""A client's loudspeaker in simulated time: the truth of what was heard, and what it tells."""

from dataclasses import dataclass, field

from tornado_app.session.record import Sent, Told


@dataclass
class Loudspeaker:
    """Plays what comes after *wait_ms*, and again after it has run dry; 1 ms steps.

    Pieces take *down_ms* to it, and its reports *up_ms* back.  `heard` are the places of an item
    with the times at which they were heard, on the clock of whoever gets the reports at once.
    """

    wait_ms: int = 100
    report_each_ms: int = 250
    down_ms: int = 0
    up_ms: int = 0
    heard: list[tuple[int, str, int]] = field(default_factory=list)

    def play(self, pieces, until_ms):
        """*pieces*: (at_ms, item_id, duration_ms), all whole.  Returns what is noted of it."""
        notes = []
        offsets = {}
        queue, starts_at, place, told_at = [], None, 0, 0
        coming = list(pieces)
        for now in range(until_ms):
            while coming and coming[0][0] + self.down_ms <= now:
                at_ms, item_id, duration_ms = coming.pop(0)
                offset = offsets.get(item_id, 0)
                offsets[item_id] = offset + duration_ms
                notes.append(Sent(at_ms, item_id, offset, duration_ms))
                queue += [(item_id, offset + ms) for ms in range(duration_ms)]
                starts_at = now + self.wait_ms if starts_at is None else starts_at
            if starts_at is None or now < starts_at:
                continue
            if place < len(queue):
                self.heard.append((now, *queue[place]))
                place += 1
                is_dry = place == len(queue)
                if now - told_at >= self.report_each_ms or is_dry:
                    told_at = now
                    item_id, offset = queue[place - 1]
                    notes.append(Told(now + 1 + self.up_ms, item_id, offset + 1))
                if is_dry:
                    starts_at = None
        return sorted(notes, key=lambda note: note.at_ms)
