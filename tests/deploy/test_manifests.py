"""What is written for Kubernetes, compose, systemd and the image fits the gateway."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.calls.house import ROOT
from tests.fakes.upstream import unused_port
from tornado_app.metrics.definitions import METRICS
from tornado_app.settings.loading import ConfigFile, load
from tornado_app.settings.reading import InvalidSettings

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
NAMED = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
OLDEST = "1.30"
"""What deployment.yaml says: the first that sleeps in preStop without a program."""
DEFAULTS = tomllib.loads((ROOT / "conf" / "gateway.toml").read_text())
STOPPING_S = 17
"""docs/operations.md, Draining: 5 s each for links, pool and local model, 2 s for clients."""
DRAIN_S = DEFAULTS["server"]["drain_s"]


def manifest(name):
    return yaml.safe_load((KUBERNETES / name).read_text())


def pod():
    return manifest("deployment.yaml")["spec"]["template"]["spec"]


def gateway():
    return pod()["containers"][0]


def compose():
    return yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())


@pytest.mark.parametrize("version", [OLDEST, "1.33"])
@pytest.mark.parametrize("name", NAMED)
def test_manifests_are_what_kubernetes_takes(name, version):
    """By the schemas of Kubernetes, with no field that it does not know."""
    kubernetes_validate.validate(manifest(name), version, strict=True)


def test_a_field_that_kubernetes_does_not_know_is_found():
    """Else the test above could not fail."""
    wrong = manifest("deployment.yaml")
    wrong["spec"]["template"]["spec"]["containers"][0]["readOnlyRoot"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, OLDEST, strict=True)


def test_every_manifest_is_applied():
    """But those that are for other programs, and the example."""
    there = {path.name for path in KUBERNETES.glob("*.yaml")}
    others = {"prometheus-adapter.yaml", "prometheus-scrape.yaml", "secret.example.yaml"}

    assert there - set(NAMED) == {"kustomization.yaml", *others}


@pytest.mark.parametrize("version", [OLDEST, "1.33"])
def test_the_example_of_a_secret(version):
    """Has what the pod reads, and cannot be used by mistake."""
    secret = manifest("secret.example.yaml")
    [volume] = [each["secret"] for each in pod()["volumes"] if "secret" in each]
    paths = [Path(each["value"]) for each in gateway()["env"]]
    [folder] = [
        each["mountPath"] for each in gateway()["volumeMounts"] if each["name"] == "secrets"
    ]
    environ = {
        "PARLEY_SERVER_ENVIRONMENT": "production",
        "PARLEY_AUTH_SECRET": secret["stringData"]["auth-secret"],
    }

    kubernetes_validate.validate(secret, version, strict=True)
    assert secret["metadata"]["name"] == volume["secretName"]
    assert {path.name for path in paths} == set(secret["stringData"])
    assert {str(path.parent) for path in paths} == {folder}
    with pytest.raises(InvalidSettings, match="placeholder"):
        load((ROOT / "conf" / "gateway.toml").read_text(), None, environ)


def test_prometheus_finds_the_port_of_each_pod():
    """One of the two, labelled as the adapter asks for it, in the job that the alerts know."""
    [job] = manifest("prometheus-scrape.yaml")["scrape_configs"]
    template = manifest("deployment.yaml")["spec"]["template"]
    about_pod = {
        "__meta_kubernetes_namespace": "voice",
        "__meta_kubernetes_pod_name": "parley-1",
        **{
            f"__meta_kubernetes_pod_label_{re.sub('[^a-z]', '_', name)}": value
            for name, value in template["metadata"]["labels"].items()
        },
    }
    found = []
    for port in gateway()["ports"]:
        about = about_pod | {"__meta_kubernetes_pod_container_port_name": port["name"]}
        labels = relabelled(about, job["relabel_configs"])
        if labels is not None:
            found.append((port["containerPort"], labels))

    asked = manifest("prometheus-adapter.yaml")["rules"]["custom"][0]["seriesQuery"]
    rules = (DEPLOY / "prometheus" / "parley.rules.yml").read_text()
    assert [(9464, {"namespace": "voice", "pod": "parley-1", "instance": "parley-1"})] == found
    assert {"namespace", "pod"} == set(re.findall(r'(\w+)!=""', asked))
    assert f'up{{job="{job["job_name"]}"}}' in rules


def relabelled(about, rules):
    """What is known of a target, by Prometheus's rules; None: it is left out."""
    labels = {}
    for rule in rules:
        value = ";".join(about.get(label, "") for label in rule["source_labels"])
        if rule.get("action") == "keep":
            if not re.fullmatch(rule["regex"], value):
                return None
        else:
            labels[rule["target_label"]] = value
    return labels


def test_the_autoscaler_goes_by_a_metric_that_there_is():
    """Under the name that the adapter gives it."""
    [rule] = manifest("prometheus-adapter.yaml")["rules"]["custom"]
    [metric] = manifest("autoscaler.yaml")["spec"]["metrics"]
    names = {each.exposed_name for each in METRICS}
    asked = set(re.findall(r"parley_\w+", rule["seriesQuery"] + rule["metricsQuery"]))

    assert metric["pods"]["metric"]["name"] == rule["name"]["as"]
    assert asked <= names
    assert len(asked) == 1


def test_everybody_means_the_same_pods():
    """Selectors, names and ports that differ by a letter apply, and do nothing."""
    labels = manifest("deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    ports = {port["name"] for port in gateway()["ports"]}
    asked = {manifest("service.yaml")["spec"]["ports"][0]["targetPort"]}
    for rule in manifest("network.yaml")["spec"]["ingress"]:
        asked |= {port["port"] for port in rule["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked.add(gateway()[probe]["httpGet"]["port"])

    assert labels == manifest("service.yaml")["spec"]["selector"]
    assert labels == manifest("disruptions.yaml")["spec"]["selector"]["matchLabels"]
    assert labels == manifest("network.yaml")["spec"]["podSelector"]["matchLabels"]
    assert labels == manifest("deployment.yaml")["spec"]["selector"]["matchLabels"]
    target = manifest("autoscaler.yaml")["spec"]["scaleTargetRef"]
    assert manifest("deployment.yaml")["metadata"]["name"] == target["name"]
    assert asked == ports == {"voice", "metrics"}
    assert [DEFAULTS["server"]["port"], DEFAULTS["metrics"]["port"]] == [
        port["containerPort"] for port in gateway()["ports"]
    ]


def test_the_settings_of_the_manifest_are_right_for_production():
    """The file of the ConfigMap, with the secrets that the Deployment names."""
    text = manifest("configmap.yaml")["data"]["parley.toml"]
    names = {each["name"]: each["value"] for each in gateway()["env"]}
    environ = {
        "PARLEY_AUTH_SECRET": "q8Jx0mVb2LkR7tYz4WcN1hSd6GfP9aEu3oKiB5vXnTQ=",
        "PARLEY_UPSTREAM_API_KEY": "sk-0123456789",
    }
    settings = load(
        (ROOT / "conf" / "gateway.toml").read_text(), ConfigFile("parley.toml", text), environ
    )

    assert set(names) == {f"{name}_FILE" for name in environ}
    assert settings.server.environment == "production"
    assert settings.metrics.enabled
    calls = manifest("autoscaler.yaml")["spec"]["metrics"][0]["pods"]
    assert int(calls["target"]["averageValue"]) < settings.limits.connections


def test_the_pod_has_time_to_drain():
    """What is cut by SIGKILL gets neither `going_away` nor 1001."""
    text = manifest("configmap.yaml")["data"]["parley.toml"]
    drain_s = tomllib.loads(text)["server"]["drain_s"]
    sleep_s = gateway()["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert pod()["terminationGracePeriodSeconds"] >= sleep_s + drain_s + STOPPING_S


def test_the_others_have_it_too():
    """Compose and systemd, by the default drain."""
    unit = (DEPLOY / "systemd" / "parley.service").read_text()
    graces = [
        each["stop_grace_period"] for each in compose()["services"].values() if "env_file" in each
    ]

    assert int(re.search(r"TimeoutStopSec=(\d+)", unit)[1]) >= DRAIN_S + STOPPING_S
    assert len(graces) == 2
    assert all(int(grace.removesuffix("s")) >= DRAIN_S + STOPPING_S for grace in graces)


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("nginx/nginx.conf", r"proxy_(?:read|send)_timeout (\d+)s"),
        ("haproxy/haproxy.cfg", r"timeout (?:client|server|tunnel) (\d+)s"),
    ],
)
def test_load_balancers_wait_longer_than_the_gateway(file, pattern):
    """A call that says nothing lives by the gateway's pings, and the gateway gives it up first."""
    waits = [int(found) for found in re.findall(pattern, (DEPLOY / file).read_text())]

    assert len(waits) >= 2
    assert min(waits) > DEFAULTS["heartbeat"]["read_timeout_s"]
    assert min(waits) > 2 * DEFAULTS["heartbeat"]["interval_s"]


def test_nobody_is_sent_to_one_that_drains():
    """By the time that it tells its clients to go, load balancer and cluster know it."""
    text = (DEPLOY / "haproxy" / "haproxy.cfg").read_text()
    inter_ms, fall = map(int, re.search(r"check inter (\d+)ms fall (\d+)", text).groups())
    probe = gateway()["readinessProbe"]
    sleep_s = gateway()["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert inter_ms * fall < DEFAULTS["server"]["drain_notice_s"] * 1000
    assert probe["periodSeconds"] * probe["failureThreshold"] < sleep_s


def test_nobody_runs_as_root_or_writes():
    """The image, the pod and compose."""
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    security = gateway()["securityContext"]
    user = pod()["securityContext"]

    assert f"USER {user['runAsUser']}:{user['runAsGroup']}\n" in dockerfile
    assert user["runAsNonRoot"]
    assert security["readOnlyRootFilesystem"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert not security["allowPrivilegeEscalation"]
    for name in ("gateway-1", "gateway-2"):
        service = compose()["services"][name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]


def test_what_compose_mounts_is_there():
    """A file that is not would be made as a directory by docker."""
    folder = DEPLOY / "compose"
    mounted = [
        volume.split(":")[0]
        for service in compose()["services"].values()
        for volume in service.get("volumes", [])
        if volume.startswith(".")
    ]

    assert len(mounted) >= 5
    assert all((folder / each).exists() for each in mounted)
    scraped = yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"][0]
    targets = scraped["static_configs"][0]["targets"]
    assert {target.split(":")[0] for target in targets} <= set(compose()["services"])
    example = (folder / "example.env").read_text()
    assert re.findall(r"(?m)^(\w+)=$", example) == ["PARLEY_AUTH_SECRET", "OPENAI_API_KEY"]


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_takes_what_compose_makes_of_its_file(tmp_path):
    """The very command, with loopback for names that only docker's network knows."""
    script = compose()["services"]["nginx"]["command"][2].partition("&& exec")[0]
    made = tmp_path / "made.conf"
    for old, new in (
        ("/etc/parley/nginx.conf", str(DEPLOY / "nginx" / "nginx.conf")),
        ("> /tmp/nginx.conf", f"> {made}"),
        ("/tmp/nginx.pid", str(tmp_path / "nginx.pid")),  # noqa: S108  docker's, not this computer's
    ):
        assert old in script
        script = script.replace(old, new)
    subprocess.run(["/bin/sh", "-c", script], check=True)
    text = made.read_text()
    assert "server gateway-1:8765 " in text
    assert "server gateway-2:8765 " in text
    text = re.sub(r"gateway-([12])", r"127.0.0.\1", text).replace(
        "listen 80;", "listen 127.0.0.1:0;"
    )
    text = text.replace("listen 127.0.0.1:0;", "listen 127.0.0.1:18080;")
    made.write_text(text)
    done = subprocess.run(
        [shutil.which("nginx"), "-t", "-c", made, "-e", "stderr"],
        capture_output=True,
        check=False,
        text=True,
    )

    assert 0 == done.returncode, done.stderr


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)
def test_systemd_takes_the_unit(tmp_path):
    """With a program that is there in place of the one that is not."""
    text = (DEPLOY / "systemd" / "parley.service").read_text()
    text = text.replace("/opt/parley/.venv/bin/python", "/bin/true")
    (tmp_path / "parley@.service").write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "parley@.service"],
        capture_output=True,
        check=False,
        text=True,
    )

    assert not [line for line in done.stderr.splitlines() if "parley@" in line], done.stderr


def test_the_gateway_takes_what_the_unit_sets():
    """As systemd reads it: quotes of its lines are its own, as a shell's are."""
    text = (DEPLOY / "systemd" / "parley.service").read_text().replace("%i", "8765")
    assignments = [
        assignment
        for line in re.findall(r"(?m)^Environment=(.+)$", text)
        for assignment in shlex.split(line)
    ]
    environ = dict(each.split("=", 1) for each in assignments) | {
        "PARLEY_AUTH_SECRET": "q8Jx0mVb2LkR7tYz4WcN1hSd6GfP9aEu3oKiB5vXnTQ=",
        "PARLEY_UPSTREAM_API_KEY": "sk-0123456789",
        "PARLEY_SERVER_ALLOWED_ORIGINS": '["https://voice.example.com"]',
    }
    settings = load((ROOT / "conf" / "gateway.toml").read_text(), None, environ)

    assert settings.server.environment == "production"
    assert settings.server.port == 8765
    assert [*settings.server.trusted_proxies] == ["127.0.0.1/32"]
    # All else is read-only; and one name, or each would take the files of the others.
    [writable] = re.findall(r"(?m)^StateDirectory=(.+)$", text)
    assert settings.server.state_dir == f"/var/lib/{writable}"
    assert re.search(r"(?m)^User=\w+$", text)


class Healthy(BaseHTTPRequestHandler):
    """Answers /healthz as a gateway does."""

    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def healthy():
    """The port of somebody who is."""
    server = HTTPServer(("127.0.0.1", 0), Healthy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_image_asks_for_its_health_where_it_listens(healthy):
    """Also at another port than its own."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text())
    command = json.loads(re.search(r"(?m)^HEALTHCHECK .* CMD (\[.+\])$", text)[1])
    command[0] = sys.executable
    codes = [
        subprocess.run(
            command, env={"PARLEY_SERVER_PORT": str(port)}, capture_output=True, check=False
        ).returncode
        for port in (healthy, unused_port())
    ]

    assert [0, 1] == codes


def copied():
    """What the Dockerfile copies from the repository: [(sources, where to)]."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text())
    lines = re.findall(r"(?m)^COPY (?!--from)(.+)$", text)
    return [(words[:-1], words[-1]) for words in map(str.split, lines)]


def test_what_the_image_copies_is_there_and_let_in():
    """The .dockerignore keeps out all that it does not name."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = [line[1:] for line in ignored if line.startswith("!")]
    sources = [source for words, _ in copied() for source in words]

    assert len(sources) >= 10
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(Path(source).match(pattern) for pattern in let_in), source
