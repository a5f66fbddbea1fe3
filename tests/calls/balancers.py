"""Real load balancers with the files of deploy/: only ports, paths, user and log are changed."""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.calls.house import ROOT, WAIT_S, VoiceClient, until
from tests.fakes.upstream import unused_port

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
NGINX_CONF = ROOT / "deploy" / "nginx" / "nginx.conf"
HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
HAPROXY_CONF = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
TRUST = {"server_trusted_proxies": ["127.0.0.1/32"]}
"""The settings of a gateway behind one."""


class Balancer:
    """One that runs, and writes its log below *folder*."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"ws://127.0.0.1:{port}/ws"
        self.port = port

    def log(self) -> str:
        """Everything it has written down."""
        return "".join(path.read_text() for path in self.folder.glob("*.log"))

    async def call(self, token: str, query: str = "", **headers: str) -> VoiceClient:
        headers = {"Authorization": f"Bearer {token}"} | headers if token else headers
        request = HTTPRequest(f"{self.url}?{query}", headers=headers, request_timeout=WAIT_S)
        return VoiceClient(await websocket_connect(request))


@contextlib.asynccontextmanager
async def nginx(
    folder: Path, first: int, second: int | None = None, silence: str = "75s"
) -> AsyncIterator[Balancer]:
    """Before the gateways at two ports; without a *second* that one is down."""
    port = unused_port()
    text = nginx_conf(folder, port, first, second or unused_port())
    assert 2 == text.count("_timeout 75s;")
    (folder / "nginx.conf").write_text(text.replace("_timeout 75s;", f"_timeout {silence};"))
    command = [NGINX, "-p", folder, "-c", "nginx.conf", "-e", folder / "start.log"]
    process = subprocess.Popen([*command, "-g", "daemon off;"])  # noqa: ASYNC220  it only forks
    async with _running(Balancer(folder, port), process) as balancer:
        yield balancer


@contextlib.asynccontextmanager
async def haproxy(folder: Path, first: int, second: int | None = None) -> AsyncIterator[Balancer]:
    """Before the gateways at two ports; without a *second* that one is down."""
    port = unused_port()
    (folder / "haproxy.cfg").write_text(haproxy_conf(port, first, second or unused_port()))
    with (folder / "haproxy.log").open("w") as written:
        process = subprocess.Popen(  # noqa: ASYNC220  it only forks
            [HAPROXY, "-db", "-f", folder / "haproxy.cfg"],
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    async with _running(Balancer(folder, port), process) as balancer:
        yield balancer


def nginx_conf(folder: Path, port: int, first: int, second: int) -> str:
    """The configuration for whoever runs this, with everything it writes below *folder*."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    changes = {
        "user www-data;": "user root;" if os.geteuid() == 0 else "",
        "worker_processes auto;": "worker_processes 1;",
        "/run/nginx.pid": f"{folder}/nginx.pid",
        "/var/log/nginx/": f"{folder}/",
        "listen 80;": f"listen 127.0.0.1:{port};",
        "127.0.0.1:8765 ": f"127.0.0.1:{first} ",
        "127.0.0.1:8766 ": f"127.0.0.1:{second} ",
        "http {\n": f"http {{\n{paths}",
    }
    return _changed(NGINX_CONF, changes)


def haproxy_conf(port: int, first: int, second: int) -> str:
    """The configuration for whoever runs this, with its log on standard output."""
    changes = {
        "    user haproxy\n    group haproxy\n": "",
        "log /dev/log local0": "log stdout format raw local0",
        "bind :80\n": f"bind 127.0.0.1:{port}\n",
        "127.0.0.1:8765\n    server": f"127.0.0.1:{first}\n    server",
        "server second 127.0.0.1:8766": f"server second 127.0.0.1:{second}",
    }
    return _changed(HAPROXY_CONF, changes)


def _changed(conf: Path, changes: Mapping[str, str]) -> str:
    text = conf.read_text()
    for old, new in changes.items():
        assert old in text, f"{conf.relative_to(ROOT)} has no {old!r} any more"
        text = text.replace(old, new)
    return text


@contextlib.asynccontextmanager
async def _running(
    balancer: Balancer, process: "subprocess.Popen[bytes]"
) -> AsyncIterator[Balancer]:
    try:
        await until(lambda: _listens(balancer.port, process), "the load balancer does not listen")
        yield balancer
    finally:
        process.terminate()
        process.wait(WAIT_S)


def _listens(port: int, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, "the load balancer ended early"
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), WAIT_S):
        return True
    return False
