"""Parley with all that is in this folder: `make examples`.  Ctrl-C ends it.

The application's server listens on port 8000 (APPLICATION_PORT), the endpoint of a tool on 9000
(WEATHER_PORT), a server of tools (MCP) on 9001 (HOURS_PORT); their keys are new each time.
Arguments are those of `run.py serve`.
"""

import argparse
import base64
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
WEATHER_KEY, APPLICATION_KEY = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
PORTS = {"APPLICATION_PORT": "8000", "WEATHER_PORT": "9000", "HOURS_PORT": "9001"}
SEALING_KEY = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


@contextlib.contextmanager
def running(program, **environ):
    # In a session of its own: Ctrl-C is for Parley, which ends calls before it goes.
    command = [sys.executable, HERE / program]
    process = subprocess.Popen(command, env=os.environ | environ, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def taken():
    """What to do about the first port that somebody else listens on; empty if there is none."""
    for name, port in PORTS.items():
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", int(port)))
            except (ValueError, OverflowError):
                return f"{name} must be the number of a port, not {port}."
            except OSError as error:
                reason = error.strerror.lower()
                return (
                    f"{name} {port} cannot be used ({reason}); see examples/README.md for another."
                )
    return ""


def address():
    """Where Parley will be, for the application's server, unless PARLEY_URL says so."""
    arguments = argparse.ArgumentParser(add_help=False)
    arguments.add_argument("--port", default=os.environ.get("PARLEY_SERVER_PORT", "8765"))
    port = arguments.parse_known_args()[0].port
    return os.environ.get("PARLEY_URL", f"http://127.0.0.1:{port}")


def wait_for(port):
    """Parley asks a server of tools what it has as soon as it starts."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(port))):
            return
        time.sleep(0.05)


def main():
    PORTS.update({name: os.environ[name] for name in PORTS if name in os.environ})
    if sentence := taken():
        print(sentence, file=sys.stderr)
        return 1
    parley = {
        "PARLEY_TOOLS_FILE": str(HERE / "tools/tools.toml"),
        "WEATHER_SIGNING_KEY": WEATHER_KEY,
        "PARLEY_AUTH_APPLICATION_KEYS": json.dumps([APPLICATION_KEY]),
        "PARLEY_AUTH_SEALING_KEY": SEALING_KEY,
    }
    application = "application/tornado_server.py"
    with (
        running("tools/weather_endpoint.py", WEATHER_SIGNING_KEY=WEATHER_KEY),
        running("tools/hours_server.py", HOURS_PORT=PORTS["HOURS_PORT"]),
        running(application, PARLEY_APPLICATION_KEY=APPLICATION_KEY, PARLEY_URL=address()),
    ):
        wait_for(PORTS["HOURS_PORT"])
        page = f"http://127.0.0.1:{PORTS['APPLICATION_PORT']}/page.html"
        print(f"The application's page, which talks: {page}", flush=True)
        command = [sys.executable, HERE.parent / "run.py", "serve", *sys.argv[1:]]
        gateway = subprocess.Popen(command, env=os.environ | parley)
        signal.signal(signal.SIGINT, lambda *_: None)  # the terminal tells Parley as well
        signal.signal(signal.SIGTERM, lambda *_: gateway.terminate())
        return gateway.wait()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # before Parley was there to hear it
        sys.exit("Ctrl-C has ended the examples.")
