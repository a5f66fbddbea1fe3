"""How much memory hostile clients cost, how much of it is given back, and what others notice:
at the gateway that is attacked, and at another one on the same machine.

README.md says what each does, and what is counted.
"""

import argparse
import os
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.attacks import ATTACKS, WIDE, Attack, Attacker, wide_file
from bench.common import ROOT, Child, gateway_env, make_token, print_table, running
from bench.latency import Latencies, Summary, measure, warm_up
from bench.runs import Upstream
from bench.targets import Target

SETTINGS = {
    "PARLEY_SESSION_MODELS": '["absent", "aside", "hasty"]',
    # The absent model is not given up while it is looked at.
    "PARLEY_UPSTREAM_READY_TIMEOUT_S": "60",
    "PARLEY_SESSION_RESUME_WINDOW_S": "5",
}
SAMPLE_S = 0.05
KEPT_S = 5.0
"""So long the call of one who left without a word is kept for it, with all that it had sent."""
GIVEN_BACK_S = 10.0
STILL_S = KEPT_S + 3.0
"""Between two of a round, so that the first has nothing to do with the second."""


class Scale(threading.Thread):
    """Reads how large the gateway and its children are.  Thread: its own.

    It knows the children from the start, as looking for them reads all processes of the machine and
    takes longer than what it is to see.
    """

    def __init__(self, child: Child) -> None:
        super().__init__(daemon=True)
        process = psutil.Process(child.process.pid)
        self.sizes = [
            Path(f"/proc/{each.pid}/statm") for each in (process, *process.children(recursive=True))
        ]
        self.peak_mb = 0.0
        self.over = threading.Event()

    def mb(self) -> float:
        pages = 0
        for each in self.sizes:
            with suppress(OSError):
                pages += int(each.read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def run(self) -> None:
        while not self.over.wait(SAMPLE_S):
            self.peak_mb = max(self.peak_mb, self.mb())

    def stop(self) -> None:
        self.over.set()
        self.join()


@dataclass(frozen=True)
class Suffered:
    """Of one attack, once."""

    others: Latencies
    scale: Scale
    told: set[str]


@dataclass
class Outcome:
    """Of all rounds of one attack."""

    before_mb: float
    peak_mb: float = 0.0
    after_mb: float = 0.0
    alone: list[Latencies] = field(default_factory=list)
    beside: list[Latencies] = field(default_factory=list)
    elsewhere: list[Latencies] = field(default_factory=list)
    told: set[str] = field(default_factory=set)

    def row(self, attack: Attack) -> list[str]:
        others = (self.alone, self.beside, self.elsewhere)
        faults = sum(run.faults for runs in others for run in runs)
        return [
            attack.name,
            f"{self.before_mb:.0f}",
            f"{self.peak_mb - self.before_mb:+.0f}",
            f"{self.after_mb - self.before_mb:+.0f}",
            *map(p99_ms, others),
            str(faults),
            ", ".join(sorted(self.told)),
        ]


def p99_ms(runs: Sequence[Latencies]) -> str:
    """The median of the rounds, the least and the most."""
    found = [Summary("", [run]).percentile_ms("uplink_ms", 99) for run in runs]
    if not found:
        return ""
    return f"{statistics.median(found):.0f} ({min(found):.0f}-{max(found):.0f})"


HEAD = [
    *("", "MB before", "peak", "10 s after"),
    *("p99 ms alone", "beside", "at another gateway", "lost", "told"),
]


@dataclass(frozen=True)
class Ground:
    """A gateway that is attacked, another that is not, and who else is there."""

    target: Target
    other: Target
    upstream: Upstream
    url: str
    token: str
    sessions: int
    seconds: float

    def quiet(self, target: Target) -> Latencies:
        return measure(target, self.upstream, self.sessions, self.seconds, 20)

    def suffer(self, attack: Attack, frames: Sequence[bytes], target: Target) -> Suffered:
        """What those at *target* notice of an attack on the first gateway, all of it."""
        scale = Scale(self.target.child)
        attackers = [
            Attacker(self.url, self.token, attack, frames) for _ in range(attack.connections)
        ]

        @contextmanager
        def under_attack() -> Iterator[None]:
            for one in (scale, *attackers):
                one.start()
            yield

        size = (self.sessions, self.seconds, 20)
        found = measure(target, self.upstream, *size, while_measured=under_attack)
        scale.stop()
        for attacker in attackers:
            attacker.leave()
        told = set[str]().union(*(attacker.told for attacker in attackers))
        return Suffered(found, scale, told)

    def take(self, attack: Attack, rounds: int) -> Outcome:
        """All of it by turns, and at the end what is given back."""
        outcome, frames = Outcome(Scale(self.target.child).mb()), attack.frames()
        for _ in range(rounds):
            outcome.alone.append(self.quiet(self.target))
            elsewhere = self.suffer(attack, frames, self.other)
            outcome.elsewhere.append(elsewhere.others)
            time.sleep(STILL_S)
            here = self.suffer(attack, frames, self.target)
            outcome.beside.append(here.others)
            outcome.told |= here.told
            outcome.peak_mb = max(outcome.peak_mb, here.scale.peak_mb)
            time.sleep(STILL_S)
        time.sleep(KEPT_S + GIVEN_BACK_S - STILL_S)
        outcome.after_mb = here.scale.mb()
        return outcome

    def warm_up(self) -> None:
        """Have the process that decodes files, which stays, and all that is made once."""
        for target in (self.target, self.other):
            warm_up(target, self.upstream)
        attack = Attack("one file", WIDE, 1, lambda: [wide_file()])
        attacker = Attacker(self.url, self.token, attack, attack.frames())
        attacker.start()
        time.sleep(3.0)
        attacker.leave()


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=20, help="beside the attackers")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=1, help="of which medians are told")
    parser.add_argument("--root", type=Path, default=ROOT, help="of the gateway that is attacked")
    parser.add_argument("--only", type=int, nargs="+", default=range(len(ATTACKS)))
    return parser.parse_args()


def attacked(attack: Attack, options: argparse.Namespace) -> list[str]:
    """What one attack does to a gateway of its own."""
    with ExitStack() as stack:
        upstream = Upstream(stack.enter_context(running("-m", "bench.fake_upstream", "--stamps")))
        env = gateway_env(upstream.url) | SETTINGS
        program = os.fspath(options.root / "run.py"), "--port", "0"
        children = [stack.enter_context(running(*program, env=env)) for _ in range(2)]
        url, other_url = (child.read_url() for child in children)
        token = make_token(env)
        target, other = (
            Target("gateway", child, load_arguments(address, token))
            for child, address in zip(children, (url, other_url), strict=True)
        )
        size = (options.sessions, options.seconds)
        ground = Ground(target, other, upstream, url, token, *size)
        ground.warm_up()
        return ground.take(attack, options.rounds).row(attack)


def load_arguments(url: str, token: str) -> list[str]:
    return [f"{url}?input_rate=48000", "--rate", "48000", "--token", token, "--commit"]


def main() -> None:
    options = parse_options()
    print_table(HEAD, [attacked(ATTACKS[number], options) for number in options.only])


if __name__ == "__main__":
    main()
