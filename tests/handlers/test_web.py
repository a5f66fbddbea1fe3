"""What browsers load from the gateway, and with which headers."""

import gzip
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from tests.calls.house import House
from tests.fakes.upstream import FakeUpstream
from tornado_app.app import MODULES
from tornado_app.web.files import ROOM, WebFile, slim


async def ask(house, path, method="GET", **headers):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    request = HTTPRequest(house.http(path), method=method, headers=sent, decompress_response=False)
    return await AsyncHTTPClient().fetch(request, raise_error=False)


@pytest.mark.gen_test
async def test_a_module_is_for_pages_of_every_origin_and_nothing_else():
    """The file as it stands, plain or compressed, and a browser may neither guess nor keep it."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        for name in MODULES:
            plain = await ask(house, f"/{name}")
            packed = await ask(house, f"/{name}", Accept_Encoding="br, gzip")

            body = (ROOM / name).read_bytes()
            if name.endswith(".js"):
                body = slim(body.decode()).encode()
            assert (200, body) == (plain.code, plain.body)
            assert ("gzip", body) == (
                packed.headers["Content-Encoding"],
                gzip.decompress(packed.body),
            )
            for answer in (plain, packed):
                assert "*" == answer.headers["Access-Control-Allow-Origin"]
                assert "nosniff" == answer.headers["X-Content-Type-Options"]
                assert "no-cache" == answer.headers["Cache-Control"]
                assert "Accept-Encoding" == answer.headers["Vary"]
            assert plain.headers["Etag"] != packed.headers["Etag"]
        assert (
            "text/javascript; charset=utf-8"
            == (await ask(house, "/parley.js")).headers["Content-Type"]
        )


@pytest.mark.gen_test
async def test_what_a_browser_has_is_not_sent_again():
    """The same tag gets 304 without a body; another one gets the file."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        tag = (await ask(house, "/parley.js")).headers["Etag"]

        same = await ask(house, "/parley.js", If_None_Match=tag)
        other = await ask(house, "/parley.js", If_None_Match='"another"')
        head = await ask(house, "/parley.js", "HEAD")
        post = await AsyncHTTPClient().fetch(
            HTTPRequest(house.http("/parley.js"), method="POST", body=""), raise_error=False
        )

        assert (304, b"") == (same.code, same.body)
        assert 200 == other.code
        assert (200, b"", tag) == (head.code, head.body, head.headers["Etag"])
        assert (405, "GET, HEAD") == (post.code, post.headers["Allow"])


@pytest.mark.gen_test
async def test_no_other_file_of_the_room_can_be_had():
    """Neither the room itself, nor its Python, nor what lies around it."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        for path in ("/web/parley.js", "/files.py", "/parley.js/", "/../app.py", "/%2e%2e/app.py"):
            assert 404 == (await ask(house, path)).code, path


def test_every_file_of_the_room_is_named_by_a_route():
    """A file that is added and not served is noticed here."""
    served = {path.name for path in Path(ROOM).iterdir() if path.suffix in {".js", ".ts"}}
    assert served == set(MODULES)


def test_a_script_is_served_without_its_comments():
    """Each line stays where it was, so that what a browser complains of is found in the file."""
    script = """/** One.
 * Two // three.
 */
const a = 1; // goes
  // goes
  const url = "http://b // c"; // stays
/* goes */
    last(a * 2);
"""
    slimmed = [
        "",
        "",
        "",
        "const a = 1;",
        "",
        'const url = "http://b // c"; // stays',
        "",
    ]
    assert [*slimmed, "last(a * 2);", ""] == slim(script).split("\n")


def test_a_page_loads_less_than_13_kilobytes():
    """Compressed, as every browser takes it."""
    assert len(WebFile.read("parley.js").gzipped) < 13_000
