"""The files of `tornado_app/web` that the routes name, and nothing else."""

from tornado_app.handlers.quiet import QuietHandler
from tornado_app.web.files import WebFile


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
