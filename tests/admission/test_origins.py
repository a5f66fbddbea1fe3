"""Which web pages may connect: tornado_app/admission/origins.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admission.origins import OriginRules, problems

RULES = OriginRules.read(
    [
        "https://*.example.com",
        "https://Shop.example.org",
        "http://localhost:3000",
        "https://[2001:db8::1]:8443",
        "capacitor://localhost",
        "https://plain.example.net:443",
    ]
)


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "https://a.example.com",
        "https://a.b.example.com",
        "https://xn--bcher-kva.example.com",
        "https://A.EXAMPLE.com",
        "https://a.example.com:443",
        "https://shop.example.org",
        "HTTPS://shop.example.org",
        "http://localhost:3000",
        "https://[2001:db8::1]:8443",
        "https://[2001:0DB8:0::1]:8443",
        "capacitor://localhost",
        "https://plain.example.net",
    ],
)
def test_allowed(origin):
    """What is listed may connect, in whatever spelling of the same, and so may programs."""
    assert RULES.allows(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "*",
        "https://",
        "https://example.com",
        "https://evil-example.com",
        "https://evilexample.com",
        "https://example.com.evil.com",
        "https://a.example.com.evil.com",
        "https://a.example.com:8443",
        "https://a.example.com:0443",
        "https://a.example.com:",
        "https://a.example.com:443:443",
        "https://a.example.com:99999",
        "https://a.example.com:65536",
        "http://a.example.com",
        "wss://a.example.com",
        "https://a.example.com@evil.com",
        "https://evil.com@a.example.com",
        "https://evil.com/a.example.com",
        "https://evil.com#a.example.com",
        "https://evil.com?a.example.com",
        "https://evil.com\\a.example.com",
        "https://a.example.com/",
        "https://a.example.com.",
        "https://.example.com",
        "https://a..example.com",
        "https://*.example.com",
        "https://b\u00fccher.example.com",
        "https://a.exam\u0440le.com",
        "https://a.example.\u212aom",
        "https://a.example.com\uff0eevil.com",
        "https://a.example.com%00.evil.com",
        "https://a.example.com, https://evil.com",
        "https://evil.com, https://a.example.com",
        "https://evil.com https://a.example.com",
        " https://a.example.com",
        "https://a.example.com ",
        "https://a.example.com\n",
        "https://a.example.com\x00",
        "https:a.example.com",
        "//a.example.com",
        "a.example.com",
        "https://[2001:db8::1]",
        "https://[2001:db8::2]:8443",
        "https://[::1%25eth0]:8443",
        "https://[:::]:8443",
        "http://localhost",
        "http://localhost:3001",
        "https://" + "a." * 200 + "example.com",
    ],
)
def test_refused(origin):
    """What only looks like a listed origin may not connect."""
    assert not RULES.allows(origin)


def test_null_cannot_be_listed():
    """Any page can have a sandboxed frame, whose origin is "null"."""
    with pytest.raises(ValueError, match='"null" is every page that wants it'):
        OriginRules.read(["null"])


def test_what_an_operator_lists_may_connect():
    """As it is written, and with nothing beside it."""
    rules = OriginRules.read(["https://a.example.com", "https://*.example.org"])

    assert rules.allows("https://a.example.com")
    assert rules.allows("https://b.example.org")
    assert not rules.allows("https://b.example.com")


def test_everything_in_development():
    """In development every page may connect."""
    rules = OriginRules.read([], everything=True)

    assert all(rules.allows(origin) for origin in (None, "null", "https://evil.com", "?"))


def test_nothing_listed_lets_programs_in_only():
    """An empty list refuses every page, and no program."""
    assert [OriginRules.read([]).allows(o) for o in (None, "https://example.com")] == [True, False]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("*", "every web page"),
        ("https://*", "no origin"),
        ("https://*.com", "too wide"),
        ("https://*.localhost", "too wide"),
        ("https://a.*.example.com", "no origin"),
        ("https://*example.com", "no origin"),
        ("https://example.com/", "no origin"),
        ("https://example.com/chat", "no origin"),
        ("https://user@example.com", "no origin"),
        ("https://example.com.", "no origin"),
        ("https://b\u00fccher.example", "xn--"),
        ("https://example.com:99999", "no origin"),
        ("https://example.com:65536", "no origin"),
        ("example.com", "https://example.com"),
        ("", "no origin"),
        ("https://a.example\x1b[2J", "control characters"),
    ],
)
def test_problems(pattern, words):
    """A pattern that cannot be used is explained, and refused when rules are read."""
    [sentence] = problems([pattern])

    assert words in sentence
    assert sentence.isprintable()
    with pytest.raises(ValueError, match=r"orig|labels"):
        OriginRules.read([pattern])


def test_all_that_cannot_be_used_is_said_at_once():
    """A line for each."""
    with pytest.raises(ValueError, match=r"no origin") as refused:
        OriginRules.read(["https://bad.example/", "https://good.example", "null"])

    lines = problems(["https://bad.example/", "null"])
    assert lines == str(refused.value).split("\n")


def test_a_pattern_that_cannot_be_used_is_named():
    """Among many an operator finds the one; of a long one, the beginning."""
    sentences = problems(["https://good.example", "https://bad.example/", "h" * 81])

    assert 2 == len(sentences)
    assert sentences[0].startswith('"https://bad.example/" is no origin')
    assert sentences[1].startswith('"' + "h" * 80 + '" is no origin')


@given(st.text())
def test_any_text_is_refused_and_survived(origin):
    """Whatever a header holds, there is an answer, and it is no unless the suffix is ours."""
    assert not RULES.allows(origin) or origin.lower().endswith(("example.com", "org", "net"))


@given(st.text("abc.-*:@/[]\\ \t", max_size=12), st.text("abc.-*:@/[]\\ \t", max_size=12))
def test_no_text_around_a_good_host_leaves_the_domain(before, after):
    """An origin that is allowed ends in the listed domain, whatever stands around it."""
    origin = f"https://{before}.example.com{after}"

    assert not RULES.allows(origin) or (not after and "/" not in before and "@" not in before)
