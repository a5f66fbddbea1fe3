"""How turns went: what is shown of each, and the summary of many."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SHARES = (50, 90, 99)


@dataclass(slots=True)
class Answered:
    """One answer, as it came."""

    wait: Mapping[str, float] = field(default_factory=dict)
    """As the gateway tells it: `model_ms`, `gateway_ms` and perhaps `tools_ms`."""
    audio_ms: float = 0.0

    @property
    def waited_ms(self) -> float | None:
        return sum(self.wait.values()) if self.wait else None

    @property
    def sentence(self) -> str:
        """For people; empty if the gateway tells nothing of it."""
        if not self.wait:
            return ""
        parts = ", ".join(f"{name.removesuffix('_ms')} {ms:.0f}" for name, ms in self.wait.items())
        return f"Answered after {self.waited_ms:.0f} ms ({parts})."


@dataclass(slots=True)
class Talked:
    """One talk: its answers, and why it ended early, if it did."""

    answers: list[Answered] = field(default_factory=list)
    failure: str = ""


def percentile(values: Sequence[float], share: float) -> float:
    """The value that *share* percent of *values* do not exceed; one of them (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share / 100 * len(values)) - 1)]


def figures(talks: Sequence[Talked], took_s: float) -> dict[str, Any]:
    """The summary of *talks*, for programs; times in milliseconds."""
    answers = [answer for talk in talks for answer in talk.answers if answer.wait]
    waits = {"total_ms": [answer.waited_ms or 0.0 for answer in answers]}
    for part in ("model_ms", "gateway_ms", "tools_ms"):
        waits[part] = [answer.wait[part] for answer in answers if part in answer.wait]
    return {
        "talks": len(talks),
        "failed": sum(bool(talk.failure) for talk in talks),
        "answers": sum(len(talk.answers) for talk in talks),
        "took_s": round(took_s, 3),
        "wait": {name: _spread(values) for name, values in waits.items() if values},
        "failures": dict(Counter(talk.failure for talk in talks if talk.failure).most_common()),
    }


def summary(told: Mapping[str, Any]) -> list[str]:
    """The same for people."""
    whole = f"{told['talks']} talks in {told['took_s']:.1f} s"
    lines = [f"{whole}: {told['answers']} answers, {told['failed']} talks failed."]
    for name, spread in told["wait"].items():
        what = "Answered after" if name == "total_ms" else f"  {name.removesuffix('_ms')}"
        shown = ", ".join(f"{word} {ms:.0f} ms" for word, ms in spread.items())
        lines.append(f"{what}: {shown}")
    lines += [f"{count} times: {failure}" for failure, count in told["failures"].items()]
    return lines


def _spread(values: Sequence[float]) -> dict[str, float]:
    spread = {f"p{share}": round(percentile(values, share), 1) for share in SHARES}
    return {**spread, "max": round(max(values), 1)}
