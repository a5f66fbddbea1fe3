"""Settings, from what an operator wrote: tornado_app/settings/schema.py and what checks them."""

import os
import re
import stat
import threading
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.settings.development import (
    development_secret,
    look_for_secret,
    with_development_secret,
)
from tornado_app.settings.environment import variable
from tornado_app.settings.loading import ConfigFile, load
from tornado_app.settings.reading import InvalidSettings, Source, label
from tornado_app.settings.schema import SECTIONS, Settings
from tornado_app.settings.secret import DEVELOPMENT_PREFIX, Secret
from tornado_app.settings.tables import struct_of
from tornado_app.settings.words import allowed

DEFAULTS = (Path(__file__).parents[2] / "conf/gateway.toml").read_text(encoding="utf-8")
TYPES = Source(SECTIONS).types
A_LIST = "must be a list (JSON in the environment)"
HMACS = '"HS256", "HS384", "HS512"'
UNKNOWN = "in my.toml: is no setting"
RANDOM = "Zk3q9vPx1LwT7bJm5RsY2nHd8GcF4aQe"
SPARES = {"PARLEY_UPSTREAM_SPARE_LINKS": "2", "PARLEY_UPSTREAM_SAFETY_IDENTIFIER": "false"}
SEALING = RANDOM + "Zk3q9vPx1Lw"
ADMIN = {"PARLEY_ADMIN_KEYS": f'["anna:{RANDOM}"]', "PARLEY_METRICS_ENABLED": "true"}
AUDIT = {"PARLEY_ADMIN_AUDIT_FILE": "audit.jsonl"}

PRODUCTION = {
    "PARLEY_SERVER_ENVIRONMENT": "production",
    "PARLEY_AUTH_SECRET": RANDOM,
    "PARLEY_SERVER_ALLOWED_ORIGINS": '["https://example.com"]',
    "PARLEY_UPSTREAM_URL": "local",
}


def written(config):
    return None if config is None else ConfigFile("my.toml", config)


def outcome(environ, config=None):
    """Load, and return the settings or what is wrong."""
    try:
        return load(DEFAULTS, written(config), environ)
    except InvalidSettings as error:
        return error.problems


def problems(environ=None, config=None):
    with pytest.raises(InvalidSettings) as caught:
        load(DEFAULTS, written(config), environ or {})
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


class TestDefaults:
    def test_complete(self):
        """The file of defaults names every setting, and nothing else."""
        tables = tomllib.loads(DEFAULTS)

        assert sorted(TYPES) == sorted(f"{s}.{key}" for s, table in tables.items() for key in table)

    def test_every_setting_has_a_reason(self):
        """Above each setting, or the group it begins, stands a comment."""
        for block in re.split(r"(?m)^\[\w+\]\n", DEFAULTS)[1:]:
            assert block.startswith("#")

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("auth.algorithms", ("HS256",)),
            ("auth.allow_query_token", True),
            ("upstream.model", "gpt-realtime-2.1"),
            ("heartbeat.interval_s", 30),
            ("heartbeat.read_timeout_s", 60),
            ("heartbeat.write_timeout_s", 5),
            ("buffers.read_bytes", 4096),
            ("buffers.write_bytes", 4096),
            ("logging.format", "console"),
        ],
    )
    def test_promised(self, name, expected):
        """What is promised elsewhere is the default."""
        section, key = name.split(".")

        assert expected == getattr(getattr(load(DEFAULTS, None, {}), section), key)

    def test_missing_default_is_named(self):
        """A default that is missing is a mistake of ours, and is said so."""
        with pytest.raises(InvalidSettings, match=r"server.port: has no default"):
            load(DEFAULTS.replace("port = 8765", ""), None, {})


class TestLayers:
    def test_environment_over_file_over_defaults(self):
        """The nearer to the operator, the stronger."""
        config = "[limits]\nconnections = 20\nmessage_burst = 30\n"
        limits = load(DEFAULTS, written(config), {"PARLEY_LIMITS_CONNECTIONS": "10"}).limits

        assert (limits.connections, limits.message_burst, limits.message_bytes) == (10, 30, 262_144)

    @pytest.mark.parametrize(
        ("name", "text", "expected"),
        [
            ("server.port", "0", 0),
            ("server.host", "0.0.0.0", "0.0.0.0"),  # noqa: S104
            ("upstream.model", "7", "7"),
            ("upstream.model", "true", "true"),
            ("heartbeat.interval_s", "0.5", 0.5),
            ("upstream.safety_identifier", "false", False),
            ("auth.allow_query_token", "false", False),
            ("auth.allow_query_token", "auto", True),
            ("logging.format", "json", "json"),
            ("server.allowed_origins", '["https://a.example"]', ("https://a.example",)),
            ("session.instructions", 'Say "hi".\nBe brief.', 'Say "hi".\nBe brief.'),
            ("upstream.auth_header", "api-key", "api-key"),
        ],
    )  # fmt: skip
    def test_environment_is_read_by_type(self, name, text, expected):
        """Text is taken as it is, all else as JSON."""
        section, key = name.split(".")
        settings = load(DEFAULTS, None, {variable(name): text})

        assert expected == getattr(getattr(settings, section), key)

    def test_other_variables_are_not_ours(self):
        """The environment is full of what is none of our business."""
        assert load(DEFAULTS, None, {}) == load(
            DEFAULTS, written(""), {"PATH": "/bin", "PARLEYX": "1"}
        )

    @pytest.mark.parametrize(
        ("expected", "config", "environ"),
        [
            ("sk-a", None, {"OPENAI_API_KEY": "sk-a"}),
            ("sk-b", None, {"OPENAI_API_KEY": "sk-a", "PARLEY_UPSTREAM_API_KEY": "sk-b"}),
            ("", None, {"OPENAI_API_KEY": "sk-a", "PARLEY_UPSTREAM_API_KEY": ""}),
            ("sk-c", "[upstream]\napi_key='sk-c'", {"OPENAI_API_KEY": "sk-a"}),
        ],
    )
    def test_api_key(self, expected, config, environ):
        """OPENAI_API_KEY is used where no setting of ours names a key."""
        assert expected == load(DEFAULTS, written(config), environ).upstream.api_key.reveal()

    @pytest.mark.parametrize(
        ("expected", "environ"),
        [
            ((False, "json"), {}),
            ((True, "json"), {"PARLEY_AUTH_ALLOW_QUERY_TOKEN": "true"}),
            ((False, "console"), {"PARLEY_LOGGING_FORMAT": "console"}),
        ],
    )
    def test_auto_in_production(self, expected, environ):
        """In production "auto" means no tokens in URLs and logs for machines, unless set."""
        settings = load(DEFAULTS, None, PRODUCTION | environ)

        assert expected == (settings.auth.allow_query_token, settings.logging.format)


class TestProblems:
    @pytest.mark.parametrize("name", ["server.host", "metrics.host"])
    @pytest.mark.parametrize("host", ["127.0.0.1:80", "[::1]", "ws://a.example", "a b", "a\nb"])
    def test_no_host(self, name, host):
        """What no resolver knows is told before one is asked, and what would be cut off."""
        [problem] = problems({variable(name): host})

        assert problem.startswith(f"{label(name)}: must be an address or a name of this computer")

    @pytest.mark.parametrize(
        ("name", "text", "sentence"),
        [
            ("limits.message_bytes", "abc", 'must be an integer from 1024 to 16777216, not "abc"'),
            ("limits.message_bytes", "1023", "must be an integer from 1024 to 16777216, not 1023"),
            ("limits.message_bytes", "2e3", "must be an integer from 1024 to 16777216, not 2000.0"),
            ("limits.message_bytes", "true", "must be an integer from 1024 to 16777216, not true"),
            ("limits.message_bytes", "", 'must be an integer from 1024 to 16777216, not ""'),
            ("heartbeat.interval_s", "NaN", "must be a number from 0.1 to 3600, not NaN"),
            ("heartbeat.interval_s", "Infinity", "must be a number from 0.1 to 3600, not Infinity"),
            ("server.environment", "p", 'must be one of "development", "production", not "p"'),
            ("upstream.safety_identifier", "yes", 'must be true or false, not "yes"'),
            ("auth.allow_query_token", "1", 'must be "auto", true or false, not 1'),
            ("logging.format", "xml", 'must be one of "auto", "console", "json", not "xml"'),
            ("server.host", "", 'must be text of 1 to 200 characters, not ""'),
            (
                "server.allowed_origins",
                "https://a.example",
                f'{A_LIST}, each item text of 1 to 200 characters, not "https://a.example"',
            ),
            (
                "auth.algorithms",
                '["none"]',
                f'{A_LIST} with at least one item, each item one of {HMACS}, not ["none"]',
            ),
            ("session.models", "[" * 100_000, None),
            ("server.port", "9" * 5000, None),
        ],
    )  # fmt: skip
    def test_wrong_value(self, name, text, sentence):
        """A wrong value is explained: the setting, how it is set, what it may be, what it is."""
        [problem] = problems({variable(name): text})

        assert problem.startswith(f"{name} (PARLEY_{name.upper().replace('.', '_')}): must be ")
        assert sentence is None or problem == f"{label(name)}: {sentence}"
        assert len(problem) < 250

    @pytest.mark.parametrize(
        ("config", "words"),
        [
            ("[server", "my.toml is not valid TOML"),
            ("a = " + "[" * 10_000, "my.toml is not valid TOML"),
            ("[servre]\nport = 1", f"[servre] {UNKNOWN}; did you mean [server]? the sections "),
            ("port = 1", "there is port in [server] and port in [metrics] (PARLEY_SERVER_PORT, "),
            ("[audio]\nthread = 1", f"audio.thread {UNKNOWN}; did you mean threads? [audio] "),
            ("[audio]\nfoo = 1", f"audio.foo {UNKNOWN}; [audio] has threads, gather_ms, "),
            ("[server]\napi_key = 1", "there is api_key in [upstream] (PARLEY_UPSTREAM_API_KEY)"),
            ("[foo]\nurl = 1", f"[foo] {UNKNOWN}; the sections are server, auth, "),
            ("server = 1", "server: is a section, to be written as [server]"),
            ("[server]\nport = '80'", 'must be an integer from 0 to 65535, not "80"'),
            ("[server]\nport = 2026-11-24", 'must be an integer from 0 to 65535, not "2026-11-24"'),
        ],
    )  # fmt: skip
    def test_wrong_file(self, config, words):
        """A mistake in the file is named, with what is known there."""
        [problem] = problems(config=config)

        assert words in problem

    @pytest.mark.parametrize(
        ("key", "words"),
        [
            ("PARLEY_AUDIO_THREAD", "did you mean threads? [audio] has threads, gather_ms, "),
            ("PARLEY_AUDIO_", "[audio] has threads, gather_ms, "),
            ("PARLEY_SERVER_API_KEY", "there is api_key in [upstream] (PARLEY_UPSTREAM_API_KEY)"),
            ("PARLEY_SERVER_HOST_FILE", "did you mean host? [server] has environment, "),
        ],
    )
    def test_unknown_variable(self, key, words):
        """One of our sections that means nothing is a mistake; its value is not shown."""
        [problem] = problems({key: "canary"})

        assert problem.startswith(f"{key}: is no setting; {words}")
        assert "canary" not in problem

    def test_all_at_once(self):
        """Everything wrong in file, environment, and between settings is named at once, once."""
        config = "[servre]\n[server]\nprot = 1\nport = -1\n[audio]\nthreads = 0\n"
        environ = {
            "PARLEY_SERVER_ENVIRONMENT": "production",
            "PARLEY_LIMITS_CONNECTIONS": "x",
            "PARLEY_SERVER_NONSENSE": "1",
            "PARLEY_UPSTREAM_URL": "http://models.example",
            "PARLEY_SERVER_TRUSTED_PROXIES": '["10.0.0.1/8", "proxy"]',
        }
        actual = problems(environ, config)

        expected = [
            "[servre]", "server.prot ", "PARLEY_SERVER_NONSENSE", "server.port ", "audio.threads ",
            "limits.connections ", "server.trusted_proxies ", "server.trusted_proxies ",
            "upstream.url ", "auth.secret ", "server.allowed_origins ",
        ]  # fmt: skip
        assert len(expected) == len(actual)
        for start in expected:
            assert any(problem.startswith(start) for problem in actual)

    def test_nothing_follows_from_a_wrong_value(self):
        """What could not be read is named, and nothing is concluded from its default."""
        environ = {
            "PARLEY_HEARTBEAT_INTERVAL_S": "abc",
            "PARLEY_HEARTBEAT_READ_TIMEOUT_S": "20",
        }
        [problem] = problems(environ)

        assert problem.startswith("heartbeat.interval_s ")

    @given(st.sampled_from(sorted(TYPES)), st.text())
    def test_any_text_in_any_variable(self, name, text):
        """Whatever a variable holds, there are settings or problems that name it."""
        actual = outcome({variable(name): text})

        assert isinstance(actual, Settings) or any(name in problem for problem in actual)

    @given(st.text())
    def test_any_file(self, text):
        """Whatever the file holds, there are settings or problems."""
        assert outcome({}, config=text)


class TestFiles:
    """A file of which some is no TOML, or that cannot be read at all."""

    def test_what_else_is_wrong_is_said_as_well(self):
        """Each section by itself, with the line as it is in the file."""
        config = "[server\nport = 1\n[audio]\nthreads = 0\n[limits]\nconnections 5\n"
        found = problems({"PARLEY_HEARTBEAT_INTERVAL_S": "x"}, config)

        starts = (
            "my.toml is not valid TOML: Expected ']' at the end of a table declaration (at line 1",
            "my.toml is not valid TOML: Expected '=' after a key in a key/value pair (at line 6",
            "audio.threads ",
            "heartbeat.interval_s ",
        )
        assert len(starts) == len(found)
        assert all(any(problem.startswith(start) for problem in found) for start in starts)

    def test_nothing_follows_from_a_section_that_could_not_be_read(self):
        """The origins may stand in it."""
        config = "[server]\nallowed_origins = [\n[limits]\nconnections = 0\n"
        environ = {"PARLEY_SERVER_ENVIRONMENT": "production", "PARLEY_UPSTREAM_URL": "local"}
        found = problems(environ, config)

        assert ["my.toml is", "limits.con", "auth.secre"] == [problem[:10] for problem in found]

    def test_a_file_that_cannot_be_read_is_one_problem_among_others(self):
        """What the environment says is looked at all the same."""
        gone = ConfigFile("gone.toml", None, "No such file or directory")
        with pytest.raises(InvalidSettings) as caught:
            load(DEFAULTS, gone, {"PARLEY_SERVER_PORT": "x"})

        first, second = caught.value.problems
        assert "gone.toml cannot be read: No such file or directory" == first
        assert second.startswith("server.port ")


@pytest.mark.parametrize(
    "name", ["SESSION_INSTRUCTIONS", "SESSION_VOICE", "AUTH_SECRET", "SESSION_VOICES"]
)
def test_bytes_that_are_no_text(name):
    """As Latin-1 in a file of variables: nothing of it is sent to a model, or shown."""
    [problem] = problems({f"PARLEY_{name}": f"Gr\udcfc{RANDOM}"})

    setting = name.lower().replace("_", ".", 1)
    assert f"{setting}: PARLEY_{name} is not UTF-8" == problem


def test_half_a_character_in_json():
    """JSON can spell what is no text."""
    [problem] = problems({"PARLEY_SESSION_MODELS": '["\\ud800"]'})

    assert problem.startswith("session.models (PARLEY_SESSION_MODELS): must be a list")


class TestSecretFiles:
    """`PARLEY_AUTH_SECRET_FILE` and its like."""

    def test_the_secret_stands_in_a_file(self, tmp_path):
        """The end of its line is no part of it."""
        path = tmp_path / "secret"
        path.write_text(f"{RANDOM}\n")
        settings = load(DEFAULTS, None, {"PARLEY_AUTH_SECRET_FILE": str(path)})

        assert RANDOM == settings.auth.secret.reveal()

    @pytest.mark.parametrize("content", [f"\ufeff{RANDOM}\r\n", f"\n {RANDOM} \n\n"])
    def test_what_editors_put_around_it(self, tmp_path, content):
        """Neither a mark of the order of bytes nor other ends of lines are seen or meant."""
        path = tmp_path / "secret"
        path.write_bytes(content.encode("utf-8"))
        settings = load(DEFAULTS, None, {"PARLEY_AUTH_SECRET_FILE": str(path)})

        assert RANDOM == settings.auth.secret.reveal()

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (f"{RANDOM}\n{RANDOM}\n", "holds more than one line"),
            (f"{RANDOM}\0{RANDOM}", "holds characters that cannot be printed"),
            (f"{RANDOM}\x1b[0m", "holds characters that cannot be printed"),
        ],
    )
    def test_a_file_that_holds_more_than_a_secret(self, tmp_path, content, reason):
        """It is another file than was meant, or was written by a program with a fault."""
        path = tmp_path / "secret"
        path.write_text(content)
        [problem] = problems({"PARLEY_AUTH_SECRET_FILE": str(path)})

        assert f"auth.secret: PARLEY_AUTH_SECRET_FILE names {path}, which {reason}" == problem

    def test_a_variable_that_names_no_file(self):
        """An empty one, as a template leaves it whose value is missing, is told as what it is."""
        [problem] = problems({"PARLEY_AUTH_SECRET_FILE": ""})

        assert "auth.secret: PARLEY_AUTH_SECRET_FILE is empty; it names a file, or is not set" == (
            problem
        )

    @pytest.mark.parametrize("secret", [f"{RANDOM}\n{RANDOM}", f"{RANDOM}\x7f"])
    def test_a_variable_that_holds_more_than_a_secret(self, secret):
        """The same as in a file."""
        [problem] = problems({"PARLEY_AUTH_SECRET": secret})

        assert problem.endswith("must be text in one line, without white space around it")
        assert RANDOM not in problem

    @pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe", b"x" * 20_000])
    def test_a_file_that_holds_none(self, tmp_path, content):
        """One sentence that names the variable and the file, and nothing of what is in it."""
        path = tmp_path / "secret"
        if content is not None:
            path.write_bytes(content)
        [problem] = problems({"PARLEY_UPSTREAM_API_KEY_FILE": str(path)})

        assert problem.startswith(f"upstream.api_key: PARLEY_UPSTREAM_API_KEY_FILE names {path}, ")
        assert "xx" not in problem

    def test_a_file_of_several_has_one_in_each_line(self, tmp_path):
        """As keys are changed one after the other."""
        path = tmp_path / "keys"
        path.write_text(f"{RANDOM}\n{SEALING}\n")
        settings = load(DEFAULTS, None, {"PARLEY_AUTH_APPLICATION_KEYS_FILE": str(path)})

        assert (Secret(RANDOM), Secret(SEALING)) == settings.auth.application_keys
        assert RANDOM not in repr(settings)

    @pytest.mark.parametrize("text", [RANDOM, f'["{RANDOM}", 7]', f'"{RANDOM}"', '["canary"]'])
    def test_several_that_are_wrong_are_not_shown(self, text):
        """Whatever is wrong with them."""
        [problem] = problems({"PARLEY_AUTH_APPLICATION_KEYS": text})

        assert problem.startswith("auth.application_keys (PARLEY_AUTH_APPLICATION_KEYS): ")
        assert RANDOM not in problem
        assert "canary" not in problem

    def test_only_one_of_the_two(self, tmp_path):
        """A secret that is given twice is a mistake, even if both are the same."""
        [problem] = problems(
            {"PARLEY_AUTH_SECRET": RANDOM, "PARLEY_AUTH_SECRET_FILE": str(tmp_path)}
        )

        assert "is set twice: by PARLEY_AUTH_SECRET and by PARLEY_AUTH_SECRET_FILE" in problem

    def test_what_is_no_secret_has_no_file(self):
        """A setting that may be seen is said in the open."""
        [problem] = problems({"PARLEY_SERVER_PORT_FILE": "/run/port"})

        assert problem.startswith("PARLEY_SERVER_PORT_FILE: is no setting")


# 2.4 MB, which are 3.2 million characters, as large as these let them be.
LARGE_PICTURES = {
    "PARLEY_LIMITS_IMAGE_BYTES": "2400000",
    "PARLEY_LIMITS_MESSAGE_BYTES": "3200256",
    "PARLEY_LIMITS_CALL_BYTES": "60000000",
    "PARLEY_UPSTREAM_OUTBOX_BYTES": "4528811",
    "PARLEY_AUDIO_HOLD_MS": "50000",
}


# Half of what a call may keep by default, with nothing in it that asks for more.
LITTLE = {
    "PARLEY_LIMITS_CALL_BYTES": "2097152",
    "PARLEY_LIMITS_MESSAGE_BYTES": "131072",
    "PARLEY_LIMITS_IMAGE_BYTES": "90000",
    "PARLEY_AUDIO_FILE_BYTES": "90000",
    "PARLEY_AUDIO_HOLD_MS": "20000",
    "PARLEY_UPSTREAM_OUTBOX_BYTES": "5000000",
}


class TestBetween:
    def test_large_pictures_need_room(self):
        """With all of it there is nothing wrong."""
        assert 2_400_000 == load(DEFAULTS, None, LARGE_PICTURES).limits.image_bytes

    @pytest.mark.parametrize(
        ("environ", "start"),
        [
            ({"PARLEY_HEARTBEAT_READ_TIMEOUT_S": "30"}, "heartbeat.interval_s"),
            ({"PARLEY_UPSTREAM_READ_TIMEOUT_S": "20"}, "upstream.ping_interval_s"),
            ({"PARLEY_SERVER_DRAIN_S": "1"}, "server.drain_notice_s"),
            (
                {"PARLEY_METRICS_ENABLED": "true", "PARLEY_METRICS_PORT": "8765"},
                "metrics.port",
            ),
            ({"PARLEY_UPSTREAM_RECONNECT_INITIAL_MS": "8001"}, "upstream.reconnect_initial_ms"),
            ({"PARLEY_LIMITS_MESSAGE_BYTES": "262145"}, "limits.call_bytes"),
            ({"PARLEY_AUDIO_HOLD_MS": "46812"}, "limits.call_bytes"),
            (
                {"PARLEY_AUDIO_HOLD_MS": "23406", "PARLEY_AUDIO_BACKLOG": "drop_oldest"},
                "limits.call_bytes",
            ),
            ({"PARLEY_LIMITS_PROCESS_BYTES": "8388607"}, "limits.process_bytes"),
            ({"PARLEY_AUTH_LEEWAY_S": "60", "PARLEY_AUTH_MAX_LIFETIME_S": "60"}, "auth.leeway_s"),
            ({"PARLEY_AUDIO_FILE_MS": "15001"}, "audio.file_ms"),
            ({"PARLEY_AUDIO_HOLD_MS": "14999"}, "audio.file_ms"),
            ({"PARLEY_AUDIO_FILE_BYTES": "196417"}, "limits.message_bytes"),
            ({"PARLEY_LIMITS_MESSAGE_BYTES": "261591"}, "limits.message_bytes"),
            ({"PARLEY_UPSTREAM_OUTBOX_BYTES": "1279999"}, "upstream.outbox_bytes"),
            ({"PARLEY_LIMITS_IMAGE_BYTES": "196417"}, "limits.message_bytes"),
            (LARGE_PICTURES | {"PARLEY_AUDIO_HOLD_MS": "49999"}, "audio.hold_ms"),
            ({"PARLEY_TOOLS_RESULT_BYTES": "524289"}, "upstream.outbox_bytes"),
            (
                {"PARLEY_LIMITS_PROCESS_BYTES": "16777216", "PARLEY_LIMITS_CALL_BYTES": "8388609"},
                "limits.process_bytes",
            ),
            (LITTLE | {"PARLEY_TOOLS_RESULT_BYTES": "524289"}, "limits.call_bytes"),
            ({"PARLEY_SHARED_REDIS_URL": "http://cache"}, "shared.redis_url"),
            (
                {"PARLEY_SERVER_PROCESSES": "2", "PARLEY_QUOTAS_AUDIO_S_PER_USER_PER_DAY": "60"},
                "quotas.audio_s_per_user_per_day",
            ),
            (
                {"PARLEY_QUOTAS_GOODBYE": "Bye.", "PARLEY_SESSION_CALL_GRACE_S": "0"},
                "quotas.goodbye",
            ),
            ({"PARLEY_ADMIN_KEYS": ADMIN["PARLEY_ADMIN_KEYS"]}, "admin.keys"),
            ({"PARLEY_AUTH_APPLICATION_KEYS": '["short"]'}, "auth.application_keys"),
            ({"PARLEY_AUTH_PREVIOUS_SECRET": RANDOM}, "auth.previous_secret"),
            ({"PARLEY_CONSOLE_TOKEN_URL": "/a;b"}, "console.token_url"),
            ({"PARLEY_CONSOLE_TOKEN_URL": "/\u00e9"}, "console.token_url"),
            ({"PARLEY_TRACES_ENDPOINT": "collector:4318"}, "traces.endpoint"),
            ({"PARLEY_TRACES_HEADERS": "Bearer"}, "traces.headers"),
            ({"PARLEY_CONSOLE_TOKEN_URL": "//elsewhere/token"}, "console.token_url"),
            ({"PARLEY_CONSOLE_TOKEN_URL": "http://a.example/token"}, "console.token_url"),
            (LARGE_PICTURES | {"PARLEY_UPSTREAM_OUTBOX_BYTES": "4528810"}, "upstream.outbox_bytes"),
            ({"PARLEY_BUFFERS_WRITE_BYTES": "262145"}, "buffers.write_bytes"),
            ({"PARLEY_LIMITS_OUTBOUND_BYTES": "16383"}, "limits.outbound_bytes"),
            ({"PARLEY_SERVER_ALLOWED_ORIGINS": '["*"]'}, "server.allowed_origins"),
            ({"PARLEY_SERVER_ALLOWED_ORIGINS": '["null"]'}, "server.allowed_origins"),
            ({"PARLEY_SESSION_VOICE": "nova"}, "session.voice"),
            ({"PARLEY_SESSION_VOICES": '["marin", "onyx"]'}, "session.voices"),
            ({"PARLEY_SERVER_ALLOWED_ORIGINS": '["https://x/"]'}, "server.allowed_origins"),
            ({"PARLEY_SERVER_TRUSTED_PROXIES": '["10.0.0.300"]'}, "server.trusted_proxies"),
            ({"PARLEY_UPSTREAM_API_KEY": "sk-\u00e9"}, "upstream.api_key"),
            ({"OPENAI_API_KEY": "sk-a\r\nX: y"}, "upstream.api_key"),
            ({"OPENAI_API_KEY": "sk-a\n"}, "upstream.api_key"),
            ({"PARLEY_MODEL_CHAT_API_KEY": "sk-\u00e9"}, "model.chat_api_key"),
            ({"PARLEY_MODEL_CHAT_URL": "127.0.0.1:11434"}, "model.chat_url"),
            ({"PARLEY_MODEL_CHAT_URL": "http://a..b/v1"}, "model.chat_url"),
            ({"PARLEY_TRACES_ENDPOINT": "http://a..b/v1"}, "traces.endpoint"),
            ({"PARLEY_SHARED_REDIS_URL": "redis://a..b"}, "shared.redis_url"),
            ({"PARLEY_MODEL_CHAT_URL": "http://u:p@a/v1"}, "model.chat_url"),
            (
                {"PARLEY_MODEL_CHAT_URL": "http://a/v1", "PARLEY_MODEL_MODE": "echo"},
                "model.chat_url",
            ),
            (
                {
                    "PARLEY_SESSION_FALSE_START": "go_on",
                    "PARLEY_SESSION_TRANSCRIPTION_MODEL": "",
                },
                "session.false_start",
            ),
            (
                {"PARLEY_SESSION_GOODBYE": "Bye.", "PARLEY_SESSION_CALL_GRACE_S": "0"},
                "session.goodbye",
            ),
            ({"PARLEY_UPSTREAM_SPARE_LINKS": "2"}, "upstream.spare_links"),
            ({**SPARES, "PARLEY_LIMITS_CONNECTIONS": "1"}, "upstream.spare_links"),
            ({**SPARES, "PARLEY_UPSTREAM_SESSION_LIMIT_S": "240"}, "upstream.spare_link_s"),
            ({"PARLEY_AUTH_SECRET": RANDOM[:31]}, "auth.secret"),
            ({"PARLEY_AUTH_SESSION_CLAIM": "sub"}, "auth.session_claim"),
            ({"PARLEY_LIMITS_PLAN_CLAIM": '["scope"]'}, "limits.plan_claim"),
            (
                {"PARLEY_LIMITS_ORGANISATION_CLAIM": '["parley_session", "org"]'},
                "limits.organisation_claim",
            ),
            ({**ADMIN, "PARLEY_ADMIN_LISTENERS": '["anna"]'}, "admin.listeners"),
            ({**ADMIN, **AUDIT, "PARLEY_ADMIN_LISTENERS": '["eve"]'}, "admin.listeners"),
            ({"PARLEY_AUTH_SEALING_KEY": RANDOM}, "auth.sealing_key"),
            ({"PARLEY_AUTH_PREVIOUS_SEALING_KEY": SEALING}, "auth.previous_sealing_key"),
            (
                {"PARLEY_AUTH_SECRET": RANDOM, "PARLEY_AUTH_ALGORITHMS": '["HS256", "HS512"]'},
                "auth.secret",
            ),
        ],
    )
    def test_contradiction(self, environ, start):
        """Values that are fine alone and do not go together are refused, in any environment.

        Whatever has to be changed, what the operator has written is named.
        """
        [problem] = problems(environ)

        assert problem.startswith(f"{start} (PARLEY_")
        assert any(name in problem for name in environ)

    @pytest.mark.parametrize(
        "url",
        ["http://a", "ws://", "wss:a", "a", "wss://[::1", "ws://a:x", "ws://a:99999", "ws://u:p@a",
         "ws://u@a", "ws://a/#b", "ws://a/ b", "ws://a/\n", "ws://\u00e9.example",
         "ws://a..b", "ws://.", "ws://a:0", f"ws://{'a' * 64}.example"],
    )  # fmt: skip
    def test_url(self, url):
        """The model is at a WebSocket address without credentials; a wrong one is not shown."""
        [problem] = problems({"PARLEY_UPSTREAM_URL": url})

        assert problem.startswith('upstream.url (PARLEY_UPSTREAM_URL): must be "local", or ws://')
        assert "u:p@a" not in problem

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("shared.redis_url", "redis://u:p@cache:6379/1"),
            ("usage.postgres_url", "postgresql://u:p@base/usage"),
            ("console.token_url", "/token"),
            ("console.token_url", "https://app.example/token"),
            ("traces.headers", "authorization=Basic%20YTpi"),
        ],
    )
    def test_what_is_one_is_taken(self, name, text):
        """Addresses and headers as they are mostly written."""
        load(DEFAULTS, None, {variable(name): text})

    def test_database(self):
        """PostgreSQL has an address of its own kind; one that is none is not shown."""
        [problem] = problems({"PARLEY_USAGE_POSTGRES_URL": "mysql://u:p@a/db"})

        name = "usage.postgres_url (PARLEY_USAGE_POSTGRES_URL)"
        assert f"{name}: must be postgresql://" == problem


class TestProduction:
    def test_good(self):
        """A random secret, an origin and a model are all that production asks for."""
        settings = load(DEFAULTS, None, PRODUCTION)

        assert settings.auth.secret.reveal() == RANDOM
        assert not settings.auth.allow_query_token

    @pytest.mark.parametrize(
        ("environ", "sentence"),
        [
            ({"PARLEY_AUTH_SECRET": ""}, "auth.secret (PARLEY_AUTH_SECRET): must be set"),
            ({"PARLEY_AUTH_SECRET": RANDOM[:31]}, "must be at least 32 bytes"),
            ({"PARLEY_AUTH_SECRET": "a" * 40}, "easily guessed"),
            ({"PARLEY_AUTH_SEALING_KEY": "A" * 43}, "easily guessed"),
            ({"PARLEY_AUTH_APPLICATION_KEYS": f'["{"k" * 32}"]'}, "easily guessed"),
            ({"PARLEY_AUTH_SECRET": "please-CHANGE-me-in-production-1234"}, "easily guessed"),
            ({"PARLEY_AUTH_SECRET": "my-very-long-and-unguessable-Secret"}, "easily guessed"),
            ({"PARLEY_AUTH_SECRET": DEVELOPMENT_PREFIX + RANDOM}, "is a development secret"),
            ({"PARLEY_SERVER_ALLOWED_ORIGINS": "[]"}, "at least one origin"),
            ({"PARLEY_SERVER_ALLOWED_ORIGINS": '["*"]'}, "every web page"),
            ({"PARLEY_UPSTREAM_URL": "ws://models.example"}, "must be wss:// in production"),
            ({"PARLEY_UPSTREAM_URL": ""}, '"local" is the model on this computer'),
            ({"PARLEY_MODEL_FAULT": "stall"}, "must be empty in production"),
            ({"PARLEY_UPSTREAM_URL": "ws://10.0.0.1"}, "must be wss:// in production"),
            ({"PARLEY_MODEL_CHAT_URL": "http://10.0.0.1/v1"}, "must be https:// in production"),
            ({"PARLEY_UPSTREAM_URL": "ws://localhost.evil.example"}, "must be wss://"),
        ],
    )
    def test_refused(self, environ, sentence):
        """What is unsafe is refused, and nothing secret is shown."""
        [problem] = problems(PRODUCTION | environ)

        assert sentence in problem
        assert (environ.get("PARLEY_AUTH_SECRET") or RANDOM) not in problem

    @pytest.mark.parametrize(
        "url", ["wss://models.example/v1", "ws://127.0.0.1:9000", "ws://[::1]:9", "ws://localhost"]
    )
    def test_url(self, url):
        """TLS, or a model on the same computer."""
        environ = PRODUCTION | {"PARLEY_UPSTREAM_URL": url}

        assert url == load(DEFAULTS, None, environ).upstream.url

    def test_development_asks_for_none_of_it(self):
        """In development there is nothing to set."""
        assert not load(DEFAULTS, None, {}).auth.secret


class TestSecret:
    def test_hidden(self):
        """No repr of settings shows a secret."""
        environ = PRODUCTION | {"PARLEY_UPSTREAM_API_KEY": "sk-canary"}
        shown = repr(load(DEFAULTS, None, environ))

        assert RANDOM not in shown
        assert "canary" not in shown
        assert "Secret(hidden)" in shown

    @pytest.mark.parametrize("name", ["auth.secret", "upstream.api_key", "model.chat_api_key"])
    @pytest.mark.parametrize("value", ["7", "[1]", "' canary'", "0", "[]", "false", "{}"])
    def test_wrong_one_is_not_shown(self, name, value):
        """Not even a secret of the wrong type is shown; none of them is the same as no secret."""
        section, _, key = name.partition(".")
        [problem] = problems(config=f"[{section}]\n{key} = {value}")

        assert problem.endswith("must be text in one line, without white space around it")

    def test_text_of_it(self):
        """Formatting one shows nothing."""
        assert f"{Secret('canary')} {Secret('')}" == "Secret(hidden) Secret(empty)"


class TestDevelopmentSecret:
    def test_made_once(self, tmp_path):
        """It is made when first asked for, private, and stays the same."""
        state = tmp_path / "var" / "parley"
        secret = development_secret(state)

        assert secret == development_secret(state)
        assert secret.startswith(DEVELOPMENT_PREFIX)
        assert len(secret) >= 64
        assert [stat.S_IMODE(path.stat().st_mode) for path in (state, state / "dev-secret")] == [
            0o700,
            0o600,
        ]
        assert [path.name for path in state.iterdir()] == ["dev-secret"]

    def test_differs_between_computers(self, tmp_path):
        """Nobody else's secret is the same."""
        assert development_secret(tmp_path / "a") != development_secret(tmp_path / "b")

    def test_many_at_once(self, tmp_path):
        """Of many that start at once, all get the same one, and whole."""
        barrier, secrets = threading.Barrier(8), []

        def start():
            barrier.wait(30)
            secrets.append(development_secret(tmp_path))

        threads = [threading.Thread(target=start, name=f"start-{n}") for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        assert (len(secrets), len(set(secrets))) == (8, 1)
        assert [path.name for path in tmp_path.iterdir()] == ["dev-secret"]

    def test_readable_by_others_is_mended(self, tmp_path):
        """A file that others may read is made private again."""
        secret = development_secret(tmp_path)
        (tmp_path / "dev-secret").chmod(0o644)

        assert secret == development_secret(tmp_path)
        assert stat.S_IMODE((tmp_path / "dev-secret").stat().st_mode) == 0o600

    @pytest.mark.parametrize("text", ["", "hush", RANDOM * 3, "\x00\xff"], ids=range(4))
    def test_something_else(self, tmp_path, text):
        """A file that holds something else is refused and not shown."""
        (tmp_path / "dev-secret").write_text(text, encoding="utf-8")

        with pytest.raises(InvalidSettings) as caught:
            development_secret(tmp_path)
        assert f"{tmp_path}/dev-secret: is not a development secret" in str(caught.value)
        assert not text or text not in str(caught.value)

    def test_link_is_not_followed(self, tmp_path):
        """A link in its place is not read."""
        (tmp_path / "other").write_text("x")
        (tmp_path / "dev-secret").symlink_to(tmp_path / "other")

        with pytest.raises(OSError, match="dev-secret"):
            development_secret(tmp_path)

    @pytest.mark.parametrize(
        ("made", "environ"),
        [
            (True, {}),
            (False, {"PARLEY_AUTH_SECRET": RANDOM}),
            (False, PRODUCTION),
        ],
    )
    def test_only_where_needed(self, tmp_path, made, environ):
        """Only development without a secret gets it, and all else stays."""
        environ = environ | {"PARLEY_SERVER_STATE_DIR": "state"}
        before = load(DEFAULTS, None, environ)
        after = with_development_secret(before, tmp_path)

        assert made == (tmp_path / "state" / "dev-secret").exists()
        assert made == (before is not after)
        assert after.auth.secret
        assert before.limits == after.limits

    def test_whether_it_could_be_made(self, tmp_path, monkeypatch):
        """Who only checks is told what a start would be told, and nothing is made."""
        (tmp_path / "file").touch()
        below, beside = (
            load(DEFAULTS, None, {"PARLEY_SERVER_STATE_DIR": name})
            for name in ("file/state", "state")
        )

        look_for_secret(beside, tmp_path)
        with pytest.raises(NotADirectoryError, match="file"):
            look_for_secret(below, tmp_path)
        monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
        with pytest.raises(PermissionError, match=tmp_path.name):
            look_for_secret(beside, tmp_path)
        assert ["file"] == [each.name for each in tmp_path.iterdir()]

    def test_is_refused_in_production(self, tmp_path):
        """The secret of a developer's computer never opens production."""
        secret = development_secret(tmp_path)

        assert "is a development secret" in problems(PRODUCTION | {"PARLEY_AUTH_SECRET": secret})[0]


@pytest.mark.parametrize("name", [name for name, kind in TYPES.items() if not struct_of(kind)])
def test_what_a_setting_may_be_is_said_in_words(name):
    """Of no bound that there is not."""
    assert "None" not in allowed(TYPES[name])


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("quotas.warn_at", "[1.5]", "each item a number above 0 and below 1"),
        ("recordings.keep_days", "0", "must be a number above 0 and at most 36500"),
        ("limits.connections", "-1", "must be an integer from "),
    ],
)
def test_bounds_are_said_as_they_are(name, text, words):
    (problem,) = problems({variable(name): text})

    assert words in problem
