"""An application's server in Tornado: who is logged in gets a token for a call.

PARLEY_APPLICATION_KEY=... APPLICATION_PORT=8000 python tornado_server.py
"""

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path

from accounts import log_in, user_of
from calls import session_for
from tokens import token_for
from tornado.web import Application, HTTPError, RedirectHandler, RequestHandler, StaticFileHandler


class Login(RequestHandler):
    def post(self):
        said = json.loads(self.request.body)
        cookie = log_in(said["name"], said["password"])
        if cookie is None:
            raise HTTPError(403)
        self.set_cookie("login", cookie, httponly=True, samesite="Strict")


class Token(RequestHandler):
    def get_current_user(self):
        return user_of(self.get_cookie("login"))

    async def post(self):
        if self.current_user is None:
            raise HTTPError(401)
        token = await token_for(self.current_user, session_for(self.current_user))
        self.set_header("Cache-Control", "no-store")
        self.write({"token": token})


async def main():
    port = int(os.environ.get("APPLICATION_PORT", "8000"))
    gateway = os.environ.get("PARLEY_URL", "http://127.0.0.1:8765")
    pages = [
        (r"/(page\.html)", StaticFileHandler, {"path": Path(__file__).parents[1] / "web"}),
        # From the gateway, which the page calls then, wherever that is.
        (r"/parley\.js", RedirectHandler, {"url": f"{gateway}/parley.js", "permanent": False}),
    ]
    try:
        Application([("/login", Login), ("/token", Token), *pages]).listen(port, "127.0.0.1")
    except OSError as error:
        sys.exit(f"APPLICATION_PORT {port} cannot be used: {error.strerror}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
