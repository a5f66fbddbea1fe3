"""Rules and board: what they ask for exists, parses, and says what to do."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tornado_app.log_levels import LEVELS
from tornado_app.metrics.definitions import METRICS, OF_SEVERAL

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
BOARD = DEPLOY / "grafana" / "parley.json"
OF_PROCESS = {
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
}
"""Of the library's own; tests/calls/test_scraped.py finds them on a page."""

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)"
)


def rules():
    return (PROMETHEUS / "parley.rules.yml").read_text("utf-8")


def targets():
    """What the panels of the board ask: [(title, expression, legend)]."""
    board = json.loads(BOARD.read_text("utf-8"))
    return [
        (panel["title"], target["expr"], target["legendFormat"])
        for panel in board["panels"]
        for target in panel.get("targets", [])
    ]


def promtool(*arguments, folder=PROMETHEUS):
    done = subprocess.run(
        ["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def exposed():
    """Each name that a scraper finds, with the labels it may be asked by."""
    names = {}
    for metric in (*METRICS, *OF_SEVERAL):
        labels = {label.name for label in metric.labels}
        if metric.kind == "histogram":
            names[f"{metric.name}_bucket"] = labels | {"le"}
            names |= dict.fromkeys((f"{metric.name}_sum", f"{metric.name}_count"), labels)
        else:
            names[metric.exposed_name] = labels
    return names | dict.fromkeys(OF_PROCESS, frozenset())


@pytest.mark.parametrize(
    "text", [rules(), BOARD.read_text("utf-8")], ids=["the rules", "the board"]
)
def test_every_metric_that_is_asked_for_exists(text):
    """A name that was changed would be a panel without a line, and an alert that never comes."""
    asked = set(re.findall(r"(?<![.\w])(?:parley|process)_[a-z_]+\b", text)) - LEVELS.keys()
    in_prose = {metric.name for metric in METRICS if metric.kind == "histogram"}

    assert len(asked) > 20
    assert asked <= set(exposed()) | in_prose


def test_every_label_and_value_that_is_asked_for_exists():
    """By the definitions: a cause that nobody tells would not be noticed to be missing."""
    named = {metric.exposed_name: metric for metric in (*METRICS, *OF_SEVERAL)}
    asked = [expression for _, expression, _ in targets()] + [rules()]
    seen = 0
    for text in asked:
        for name, inside in re.findall(r"\b(parley_[a-z_]+)\{([^}]*)\}", text):
            metric = named.get(name) or named[name.removesuffix("_bucket")]
            labels = {label.name: label for label in metric.labels}
            for label, operator, value in re.findall(r'(\w+)(=~|=)"([^"]*)"', inside):
                if label in {"job", "instance"}:
                    continue
                seen += 1
                for word in value.split("|") if operator == "=~" else [value]:
                    matches = [v for v in labels[label].values if re.fullmatch(word, v)]
                    assert matches, (name, label, word)
    assert seen > 10


def test_every_alert_says_what_to_do():
    """Whoever is woken by it reads that and no more."""
    alerts = re.split(r"\n      - alert: ", rules())[1:]

    assert len(alerts) > 15
    for alert in alerts:
        name = alert.partition("\n")[0]
        assert re.search(r"severity: (page|ticket)", alert), name
        assert len(re.search(r"summary: (.+)", alert)[1]) > 20, name
        said = re.search(r"description: >-\n((?: {12}.+\n?)+)", alert)
        assert said, name
        assert len(said[1].split()) > 20, name


def test_legends_name_labels_that_their_expressions_keep():
    """Else a line would have no name."""
    for title, expression, legend in targets():
        for label in re.findall(r"\{\{(\w+)\}\}", legend):
            kept = re.findall(r"by \(([^)]*)\)", expression)
            assert not kept or any(label in each for each in kept), (title, legend)


@needs_promtool
def test_promtool_takes_rules_and_configuration():
    """As Prometheus itself reads them."""
    assert "SUCCESS" in promtool("check", "rules", "parley.rules.yml")
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml")


@needs_promtool
def test_alerts_go_off_and_do_not():
    """A story of a quarter of an hour, which promtool plays."""
    assert "SUCCESS" in promtool("test", "rules", "parley.test.yml")


@needs_promtool
def test_promtool_takes_the_expressions_of_the_board(tmp_path):
    """Each as a rule of its own, with what Grafana puts in."""
    lines = ["groups:", "  - name: board", "    rules:"]
    for number, (_, expression, _) in enumerate(targets()):
        filled = expression.replace("$__rate_interval", "1m").replace("$job", "a")
        filled = filled.replace("$instance", "b")
        lines += [f"      - record: panel_{number}", f"        expr: {json.dumps(filled)}"]
    (tmp_path / "board.yml").write_text("\n".join(lines) + "\n")

    assert f"{len(targets())} rules found" in promtool(
        "check", "rules", "board.yml", folder=tmp_path
    )
