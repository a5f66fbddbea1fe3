"""What texts of settings have to look like, whoever asks."""

from ipaddress import ip_address
from urllib.parse import urlsplit

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

# RFC 7518, section 3.2: a key is no shorter than the hash.
SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}


def is_url(url: str, schemes: set[str]) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return (
        url.isascii()
        and url.isprintable()
        and " " not in url
        and parts.scheme in schemes
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and "#" not in url
    )


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_header_text(key: str) -> bool:
    return key.isascii() and key.isprintable()


def is_guessable(secret: str) -> bool:
    """A placeholder, or too few different characters."""
    # 32 random characters have more than 8 different ones, even of 16 hexadecimal digits.
    lowered = secret.lower()
    return len(set(secret)) < 8 or any(word in lowered for word in PLACEHOLDERS)
