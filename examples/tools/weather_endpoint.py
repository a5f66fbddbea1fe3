"""The endpoint of a tool over HTTP: checks who asks, and answers in JSON.

WEATHER_SIGNING_KEY=... WEATHER_PORT=9000 python weather_endpoint.py
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import sys
import time

from tornado.web import Application, HTTPError, RequestHandler

KEY = os.environ.get("WEATHER_SIGNING_KEY", "").encode()
LATE_S = 300


class Weather(RequestHandler):
    def post(self):
        timestamp = self.request.headers.get("X-Parley-Timestamp", "")
        signed = timestamp.encode() + b"." + self.request.body
        expected = "v1=" + hmac.new(KEY, signed, hashlib.sha256).hexdigest()
        given = self.request.headers.get("X-Parley-Signature", "")
        is_good = hmac.compare_digest(expected.encode(), given.encode())
        if not is_good or abs(time.time() - int(timestamp)) > LATE_S:
            raise HTTPError(401)
        city = json.loads(self.request.body)["arguments"]["city"]
        self.write({"city": city, "weather": "sunny", "degrees": 21})


async def main():
    port = int(os.environ.get("WEATHER_PORT", "9000"))
    try:
        Application([("/weather", Weather)]).listen(port, "127.0.0.1")
    except OSError as error:
        sys.exit(f"WEATHER_PORT {port} cannot be used: {error.strerror}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    if not KEY:
        sys.exit("WEATHER_SIGNING_KEY is not set; Parley signs its requests with it.")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
