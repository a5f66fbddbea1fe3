"""Requests that no client of ours sends: bytes for a socket, by what is odd about them."""

GOOD_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {GOOD_KEY}\r\n"
)
METHODS = (
    "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get",
    "__INIT__", "PREPARE", "ON_FINISH",
)  # fmt: skip
PATHS = ("/ws", "/healthz", "/readyz", "/nowhere")


def request(
    line: str = "GET /ws HTTP/1.1", headers: str = "", body: bytes = b"", host: str = "localhost"
) -> bytes:
    """One request; *headers* are whole lines, each with its end."""
    named = f"Host: {host}\r\n" if host else ""
    return f"{line}\r\n{named}{headers}\r\n".encode("latin-1") + body


def upgrade(without: str = "", **headers: str) -> bytes:
    """An opening request with some headers in place of the right ones, and one left out."""
    lines = dict(line.split(": ", 1) for line in UPGRADE.splitlines())
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines.pop(without, None)
    return request(headers="".join(f"{name}: {value}\r\n" for name, value in lines.items()))


REFUSED_UPGRADES = {
    "HTTP/1.0": request("GET /ws HTTP/1.0", UPGRADE),
    "HTTP/1.0 that keeps alive": request(
        "GET /ws HTTP/1.0", UPGRADE.replace("Upgrade\r\n", "Upgrade, keep-alive\r\n", 1)
    ),
    "no Upgrade": upgrade(without="Upgrade"),
    "another Upgrade": upgrade(Upgrade="h2c"),
    "two Upgrades": upgrade(Upgrade="websocket, h2c"),
    "no Connection": upgrade(without="Connection"),
    "Connection close": upgrade(Connection="close"),
    "Connection keep-alive": upgrade(Connection="keep-alive"),
    "Connection that only looks so": upgrade(Connection="upgrade-insecure"),
    "no key": upgrade(without="Sec-WebSocket-Key"),
    "empty key": upgrade(Sec_WebSocket_Key=""),
    "key of 15 bytes": upgrade(Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAA"),
    "key of 17 bytes": upgrade(Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAAA="),
    "key that is no base64": upgrade(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25j!Q=="),
    "url-safe key": upgrade(Sec_WebSocket_Key="-_-_-_-_-_-_-_-_-_-_-w=="),
    "key without its end": upgrade(Sec_WebSocket_Key=GOOD_KEY.rstrip("=")),
    "key in latin-1": upgrade(Sec_WebSocket_Key="\xe9" * 24),
    "two keys": request(headers=f"{UPGRADE}Sec-WebSocket-Key: {GOOD_KEY}\r\n"),
    "no version": upgrade(without="Sec-WebSocket-Version"),
    "version 8": upgrade(Sec_WebSocket_Version="8"),
    "version 13 twice": request(headers=f"{UPGRADE}Sec-WebSocket-Version: 13\r\n"),
    "version 013": upgrade(Sec_WebSocket_Version="013"),
    "version in words": upgrade(Sec_WebSocket_Version="\u00b913"),
}
"""Each is answered with 400 or 426 and one sentence."""

CHUNKS_OVER_HTTP_1_0 = request(
    "GET /healthz HTTP/1.0",
    "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n",
    b"5\r\nhello\r\n0\r\n\r\n",
)
"""Whoever knows no chunks there reads another request in them."""

ODD_REQUESTS = {
    **{f"{m} {path}": request(f"{m} {path} HTTP/1.1") for m in METHODS for path in PATHS},
    **{f"{m} /ws, upgrading": request(f"{m} /ws HTTP/1.1", UPGRADE) for m in METHODS},
    "absolute address": request("GET http://localhost/healthz HTTP/1.1"),
    "absolute address, upgrading": request("GET http://localhost/ws HTTP/1.1", UPGRADE),
    "absolute address of others": request("GET http://169.254.169.254/latest HTTP/1.1"),
    "no path": request("GET ?x=1 HTTP/1.1"),
    "asterisk": request("OPTIONS * HTTP/1.1"),
    "authority": request("CONNECT example.com:443 HTTP/1.1"),
    "bracket": request("GET http://[::1/ws HTTP/1.1"),
    "no host": request(host=""),
    "no host over HTTP/1.0": request("GET /healthz HTTP/1.0", host=""),
    "no host, upgrading": request(headers=UPGRADE, host=""),
    "two hosts": request(headers="Host: other\r\n"),
    "host in latin-1": request(host="\xe9\xe8"),
    "host with a path": request(host="a/b@c"),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": request("GET /healthz HTTP/1.2"),
    "HTTP/9.9": request("GET /healthz HTTP/9.9"),
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "no version": request("GET /healthz"),
    "spaces": request("GET  /healthz  HTTP/1.1"),
    "tabs": request("GET\t/healthz\tHTTP/1.1"),
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(64) + b"\r\n\r\n",
    "nothing but ends": b"\r\n" * 40,
    "bare line feeds": b"GET /healthz HTTP/1.1\nHost: localhost\n\n",
    "NUL": b"\0" * 64 + b"\r\n\r\n",
    "NUL in the path": request("GET /ws\0 HTTP/1.1"),
    "encoded NUL in the path": request("GET /ws%00 HTTP/1.1"),
    "encoded path": request("GET /%77%73 HTTP/1.1"),
    "bad encoding in the path": request("GET /%ff%zz%u1234 HTTP/1.1"),
    "dots": request("GET /../../etc/passwd HTTP/1.1"),
    "latin-1 in the path": request("GET /\xe9 HTTP/1.1"),
    "a long path": request(f"GET /{'a' * 15_000} HTTP/1.1"),
    "a query that is no UTF-8": request("GET /ws?voice=%ff%fe&\xff=\xfe HTTP/1.1", UPGRADE),
    "a token that is no text": request("GET /ws?token=%00%ff%0d%0a HTTP/1.1", UPGRADE),
    "a query without end": request(f"GET /ws?{'a&' * 7_000} HTTP/1.1", UPGRADE),
    "a query of ends": request("GET /ws?a=%0d%0aX:%20y HTTP/1.1", UPGRADE),
    "a huge header": request(headers=f"X: {'a' * 40_000}\r\n"),
    "many headers": request(headers="a: b\r\n" * 6_000),
    "many headers of one request": request(headers="a: b\r\n" * 2_000),
    "a line that is no header": request(headers="nonsense\r\n"),
    "a header without a name": request(headers=": x\r\n"),
    "a space before the colon": request(headers="X : x\r\n"),
    "a folded header": request(headers="X: a\r\n b\r\n"),
    "a fold first": b"GET /ws HTTP/1.1\r\n X: a\r\nHost: localhost\r\n\r\n",
    "a bare carriage return": request(headers="X: a\rY: b\r\n"),
    "control characters": request(headers="X: a\x01\x7f\r\n"),
    "an authorization in latin-1": request(headers=f"{UPGRADE}Authorization: Bearer \xff\xfe\r\n"),
    "an authorization without a token": request(headers=f"{UPGRADE}Authorization: Bearer\r\n"),
    "two authorizations": request(
        headers=f"{UPGRADE}Authorization: Bearer a\r\nAuthorization: Basic b\r\n"
    ),
    "an odd origin": request(headers=f"{UPGRADE}Origin: http://[::1\r\n"),
    "two origins": request(headers=f"{UPGRADE}Origin: http://a\r\nOrigin: http://b\r\n"),
    "an origin in latin-1": request(headers=f"{UPGRADE}Origin: http://\xe9\r\n"),
    "odd extensions": request(
        headers=f'{UPGRADE}Sec-WebSocket-Extensions: ;;, x*0*=a\'b\'%ff; y="\\\r\n'
    ),
    "odd subprotocols": request(headers=f"{UPGRADE}Sec-WebSocket-Protocol: ,,\xff, bearer.\r\n"),
    "a browser that is refused": request(headers=f"{UPGRADE}Sec-WebSocket-Protocol: voice.v1\r\n"),
    "odd proxies": request(
        headers=f"{UPGRADE}X-Forwarded-For: [::,%,1.2.3.4:x\r\nX-Forwarded-Proto: \xff,,\r\n"
    ),
    "a cookie": request(headers="Cookie: \xff=;;;=\r\n"),
    "a body on GET": request(headers="Content-Length: 5\r\n", body=b"hello"),
    "a body on an upgrade": request(headers=f"{UPGRADE}Content-Length: 5\r\n", body=b"hello"),
    "a chunked upgrade": request(
        headers=f"{UPGRADE}Transfer-Encoding: chunked\r\n", body=b"5\r\nhello\r\n0\r\n\r\n"
    ),
    "a body that is too large": request("POST /ws HTTP/1.1", "Content-Length: 100000\r\n"),
    "a length without end": request("POST /ws HTTP/1.1", f"Content-Length: {'9' * 5_000}\r\n"),
    "a negative length": request("POST /ws HTTP/1.1", "Content-Length: -1\r\n"),
    "two lengths": request(
        "POST /ws HTTP/1.1", "Content-Length: 1\r\nContent-Length: 2\r\n", b"ab"
    ),
    "length and chunks": request(
        "POST /ws HTTP/1.1", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"
    ),
    "chunks over HTTP/1.0": CHUNKS_OVER_HTTP_1_0,
    "chunks that are none": request(
        "POST /ws HTTP/1.1", "Transfer-Encoding: chunked\r\n", b"zz\r\nhello\r\n"
    ),
    "chunks of chunks": request("POST /ws HTTP/1.1", "Transfer-Encoding: gzip, chunked\r\n"),
    "a chunk that is too large": request(
        "POST /ws HTTP/1.1", "Transfer-Encoding: chunked\r\n", b"ffffffff\r\n"
    ),
    "an encoded body": request(
        "POST /ws HTTP/1.1",
        "Content-Encoding: gzip\r\nContent-Type: multipart/form-data\r\nContent-Length: 2\r\n",
        b"ab",
    ),
    "a broken form": request(
        "POST /ws HTTP/1.1",
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9\r\n",
        b"--x\r\n\r\n\r\n",
    ),
    "a form without a boundary": request(
        "POST /ws HTTP/1.1", "Content-Type: multipart/form-data\r\nContent-Length: 2\r\n", b"ab"
    ),
    "a form that is no text": request(
        "POST /healthz HTTP/1.1",
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 6\r\n",
        b"%ff=\xff\xfe",
    ),
    "an expectation": request("POST /ws HTTP/1.1", "Expect: 100-continue\r\n"),
    "two at once": request("GET /healthz HTTP/1.1") * 2,
    "one in the other": request("GET /nowhere HTTP/1.1") + request("TRACE /ws HTTP/1.1"),
    "one behind an upgrade": request(headers=UPGRADE) + request("GET /healthz HTTP/1.1"),
    "frames without a token": request(headers=UPGRADE) + bytes.fromhex("818000000000"),
    "frames before the answer, of a browser": request(
        headers=f"{UPGRADE}Sec-WebSocket-Protocol: voice.v1\r\n"
    )
    + bytes.fromhex("818000000000ffff"),
    "half a request": b"GET /ws HTTP/1.1\r\nHost: loc",
    **REFUSED_UPGRADES,
}  # fmt: skip
"""Each is answered quietly, or the connection is closed; none leaves a line above info."""
