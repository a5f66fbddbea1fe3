"""The files of `tornado_app/web` that the routes name, and nothing else."""

from typing import Literal

from tornado_app.handlers.quiet import QuietHandler
from tornado_app.web.files import WebFile


def page_headers(connect: str = "", *, microphone: Literal["", "self"] = "") -> dict[str, str]:
    """What the browser is to keep a page from (docs/operations.md, the console).

    *connect*: another host that it may ask.
    """
    # 'self' of a page that came by http(s) covers ws(s) of the same host and port (CSP 3, 6.7.2.8).
    asked = f"'self' {connect}".strip()
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src {asked}; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": f"microphone=({microphone}), camera=(), geolocation=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


class WebFileHandler(QuietHandler):
    """One file, with what a cache needs to ask for it cheaply.  Thread: loop."""

    allowed = ("GET", "HEAD")

    def initialize(self, file: WebFile, headers: dict[str, str]) -> None:
        self._file = file
        self._shared = headers
        accepted = self.request.headers.get("Accept-Encoding", "")
        self._is_gzipped = "gzip" in {word.strip() for word in accepted.lower().split(",")}

    def get(self) -> None:
        self.set_header("Content-Type", self._file.content_type)
        self.set_header("X-Content-Type-Options", "nosniff")
        # Asked for again each time, and answered with 304: page and gateway are of one version.
        self.set_header("Cache-Control", "no-cache")
        self.set_header("Vary", "Accept-Encoding")
        for name, value in self._shared.items():
            self.set_header(name, value)
        if self._is_gzipped:
            self.set_header("Content-Encoding", "gzip")
        self.finish(self._file.gzipped if self._is_gzipped else self._file.body)

    def head(self) -> None:
        """As GET; Tornado leaves the body out."""
        self.get()

    def compute_etag(self) -> str:
        """Of the file, and of how it is sent (RFC 9110, 8.8.3.3)."""
        return f'"{self._file.digest}{"-gzip" if self._is_gzipped else ""}"'
