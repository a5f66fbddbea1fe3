"""Where there is speech in a sound, and where to cut what is too long to be read at once."""

from collections.abc import Sequence

SPEECH = 0.5
MIN_SPEECH_FRAMES = 8
"""A quarter of a second; less is a click or a breath, of which a reader makes words."""

GAP_FRAMES = 2_000 // 32
"""A silence of two seconds is left out: a reader makes words of that, too."""

MARGIN_FRAMES = 10
MAX_FRAMES = 25_000 // 32
"""25 s: longer ones make the reader loop."""

LOOK_BACK_FRAMES = 10_000 // 32
"""The quietest moment of so many before the limit is where it is cut."""


def stretches(probabilities: Sequence[float]) -> list[tuple[int, int]]:
    """The frames to read, in order, each from start to stop; none if nobody speaks."""
    loud = [frame for frame, probability in enumerate(probabilities) if probability > SPEECH]
    found = []
    for run in _runs(loud):
        if len(run) >= MIN_SPEECH_FRAMES:
            start = max(0, run[0] - MARGIN_FRAMES)
            stop = min(len(probabilities), run[-1] + 1 + MARGIN_FRAMES)
            found += _cut(start, stop, probabilities)
    return found


def _runs(loud: list[int]) -> list[list[int]]:
    """The loud frames, parted where the gaps are."""
    runs: list[list[int]] = []
    for frame in loud:
        if not runs or frame - runs[-1][-1] > GAP_FRAMES + 1:
            runs.append([])
        runs[-1].append(frame)
    return runs


def _cut(start: int, stop: int, probabilities: Sequence[float]) -> list[tuple[int, int]]:
    pieces = []
    while stop - start > MAX_FRAMES:
        limit = start + MAX_FRAMES
        cut = min(range(limit - LOOK_BACK_FRAMES, limit), key=lambda frame: probabilities[frame])
        pieces.append((start, cut))
        start = cut
    return [*pieces, (start, stop)]
