"""What texts of settings have to look like, whoever asks."""

import re
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from terminal.addresses import is_name

PLACEHOLDERS = (
    "change",
    "placeholder",
    "replace",
    "your-",
    "your_",
    "secret",
    "example",
    "password",
    "dummy",
)

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
# RFC 7518, section 3.2: a key is no shorter than the hash.
SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}


def is_url(url: str, schemes: set[str]) -> bool:
    try:
        parts = urlsplit(url)
        port_is_good = parts.port != 0
    except ValueError:
        return False
    return (
        port_is_good
        and url.isascii()
        and url.isprintable()
        and " " not in url
        and parts.scheme in schemes
        and is_name(parts.hostname or "")
        and "@" not in parts.netloc
        and "#" not in url
    )


def is_redis(url: str) -> bool:
    """What the package takes; user, password and settings of its own may stand in it."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    has_place = bool(parts.path) if parts.scheme == "unix" else is_name(parts.hostname or "")
    return parts.scheme in {"redis", "rediss", "unix"} and has_place and url.isprintable()


def is_postgres(url: str) -> bool:
    """What the package may take: it knows more than one host, and a socket's directory as one."""
    return url.startswith(("postgresql://", "postgres://")) and url.isprintable()


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_page_address(url: str) -> bool:
    """What the console's page may ask for a token: it stands in a header, too."""
    if not url.isascii() or not url.isprintable() or set(url) & set(" ;,'\"\\"):
        return False
    if url.startswith("/"):
        return not url.startswith("//")
    return is_url(url, {"https"}) or (is_url(url, {"http"}) and is_loopback(url))


def is_header_text(key: str) -> bool:
    return key.isascii() and key.isprintable()


def read_headers(text: str) -> dict[str, str]:
    """Headers as OpenTelemetry writes them in one text: ``name=value,name=value``, as in addresses.

    Raises:
        ValueError: If it is none; nothing of it is in what is said.
    """
    headers = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, is_pair, value = (unquote(each).strip() for each in pair.partition("="))
        if not is_pair or not HEADER_NAME.fullmatch(name) or not is_header_text(value):
            raise ValueError("must be name=value, or several with commas between")
        headers[name.lower()] = value
    return headers


def is_guessable(secret: str) -> bool:
    """A placeholder, or too few different characters."""
    # 32 random characters have more than 8 different ones, even of 16 hexadecimal digits.
    lowered = secret.lower()
    return len(set(secret)) < 8 or any(word in lowered for word in PLACEHOLDERS)
