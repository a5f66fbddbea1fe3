"""A collector of OpenTelemetry that takes everything and keeps nothing but how many bytes.

It prints where spans go (OTLP over HTTP); `GET /` tells the bytes.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    taken_bytes = 0

    def do_POST(self) -> None:
        Handler.taken_bytes += len(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(b"", "application/x-protobuf")

    def do_GET(self) -> None:
        self.answer(json.dumps({"bytes": Handler.taken_bytes}).encode(), "application/json")

    def answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}/v1/traces", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
