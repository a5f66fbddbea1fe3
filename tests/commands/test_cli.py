"""The command line: what it prints, what it refuses, and with which exit code."""

import gc
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
import warnings

import pytest
import structlog

from tests.calls.house import ROOT
from tornado_app.admission import tokens
from tornado_app.admission.sealing import Seal, read_key
from tornado_app.commands.arguments import COMMANDS
from tornado_app.commands.cli import main
from tornado_app.commands.talk import command
from tornado_app.settings.secret import DEVELOPMENT_PREFIX

SECRET = "kT9x-Qm2Lr7Vb4Zn8Hs1Wd6Yc3Jf5Pg0-not-to-be-printed"
KEY = "sk-proj-canary-not-to-be-printed"
AMIABLE = str(ROOT / "tests" / "data" / "amiable.wav")
NOBODY = "ws://127.0.0.1:9/v1/realtime"

SEALING = "Zk3q9vPx1LwT7bJm5RsY2nHd8GcF4aQeZk3q9vPx1Lw"
RULES = tokens.TokenRules(
    key=SECRET.encode(), algorithms=("HS256",), leeway_s=10, max_lifetime_s=86400
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path):
    """Nothing of this computer's own settings, and a secret of ours."""
    for name in os.environ:
        if name.startswith("PARLEY_") or name == "OPENAI_API_KEY":
            monkeypatch.delenv(name)
    monkeypatch.setenv("PARLEY_AUTH_SECRET", SECRET)
    monkeypatch.setenv("PARLEY_SERVER_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def _logging():
    """For commands that set logging up for the whole process."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    root.handlers[:] = []
    yield
    root.handlers[:], level = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def _leak_of_tornado():
    """Its bind_sockets leaves a socket that it could not bind to the collector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.fixture
def run(capsys):
    """Run a command: exit code, standard output, standard error, none of which has a secret."""

    def command(*words: str) -> tuple[int, str, str]:
        try:
            code = main(words)
        except SystemExit as exit_:
            code = exit_.code
        printed = capsys.readouterr()
        for secret in (SECRET, KEY):
            assert secret not in printed.out + printed.err
        assert "Traceback" not in printed.err
        return code, printed.out, printed.err

    return command


class TestHelp:
    def test_it_names_every_command(self, run):
        """With what each is for."""
        code, out, _ = run("--help")

        assert 0 == code
        for name in ("serve", "talk", "doctor", "token", "model", "check-config"):
            assert f"\n    {name} " in out

    @pytest.mark.parametrize(
        "command", ["serve", "talk", "doctor", "token", "model", "check-config"]
    )
    def test_every_command_has_its_own(self, run, command):
        """Also the one that belongs to the local model."""
        code, out, _ = run(command, "--help")

        assert 0 == code
        assert "usage:" in out

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_option_says_what_it_is_for(self, run, command):
        """Beside its name, or below a long one."""
        _, out, _ = run(command, "--help")

        described = re.compile(r"  (-\S+)(, --\S+)?( \S+){0,4}(  +|\n {20,})\S")
        options = re.findall(r"^  -.*\n(?: {20,}.*)?", out, re.MULTILINE)
        assert options
        assert [] == [option for option in options if not described.match(option)]

    def test_a_word_that_is_no_command(self, run):
        """It is refused in one line, which names the commands."""
        names = "serve, talk, doctor, token, recordings, usage, model, check-config"

        assert (2, "", f"There is no command sevre; there are {names}.\n") == run("sevre")

    @pytest.mark.parametrize(
        "words", [("--prot", "1"), ("serve", "--prot", "1"), ("talk", "--fats")]
    )
    def test_arguments_that_are_wrong(self, run, words):
        """One line says which, the next where to look."""
        code, out, err = run(*words)

        assert (2, "", 2) == (code, out, err.count("\n"))
        assert re.match(r"run.py.*: .*(--prot|--fats)", err)
        assert "--help" in err


class TestToken:
    def test_the_gateway_takes_it(self, run):
        """One line, with the user, the scopes and the lifetime that were asked for."""
        now = time.time()
        words = ("token", "--user", "alice", "--ttl-s", "60", "--scope", "a", "--scope", "b")
        code, out, err = run(*words)
        caller = tokens.verify(out.strip(), RULES, now)

        assert (0, "", 1) == (code, err, out.count("\n"))
        assert ("alice", {"a", "b"}) == (caller.user_id, caller.scopes)
        assert now + 58 < caller.expires_at < time.time() + 61

    def test_it_is_made_for_the_rules_of_the_settings(self, run, monkeypatch):
        """Issuer and audience are in it, and the first algorithm signs it."""
        monkeypatch.setenv("PARLEY_AUTH_ISSUER", "https://id.example")
        monkeypatch.setenv("PARLEY_AUTH_AUDIENCE", "voice")
        monkeypatch.setenv("PARLEY_AUTH_ALGORITHMS", '["HS384"]')
        _, out, _ = run("token", "--user", "alice")
        rules = tokens.TokenRules(
            key=SECRET.encode(),
            algorithms=("HS384",),
            leeway_s=0,
            max_lifetime_s=3600,
            issuer="https://id.example",
            audience="voice",
        )

        assert "alice" == tokens.verify(out.strip(), rules, time.time()).user_id

    @pytest.mark.parametrize("ttl_s", ["0", "-5", "nan", "inf", "soon", "86500", "1e9"])
    def test_a_lifetime_that_cannot_be(self, run, ttl_s):
        """No token, and a sentence."""
        code, out, err = run("token", "--user", "alice", "--ttl-s", ttl_s)

        assert (2, "") == (code, out)
        assert "must be a number above 0" in err or "valid for more than 86400 seconds" in err

    @pytest.mark.parametrize("user", ["", " ", "a" * 129, "tab\there"])
    def test_a_user_that_cannot_be(self, run, user):
        """What the gateway would refuse is not issued."""
        code, out, err = run("token", "--user", user)

        assert (2, "") == (code, out)
        assert err.startswith("No token: ")

    def test_it_says_what_holds_for_the_call(self, run, tmp_path, monkeypatch):
        """From a file, sealed where there is a key."""
        path = tmp_path / "session.json"
        path.write_text('{"voice": "cedar", "instructions": "Sing."}')
        words = ("token", "--user", "alice", "--session", str(path))
        code, out, err = run(*words)
        assert (2, "") == (code, out)
        assert "No token: instructions has to be sealed" in err

        monkeypatch.setenv("PARLEY_AUTH_SEALING_KEY", "Zk3q9vPx1LwT7bJm5RsY2nHd8GcF4aQe" * 2)
        assert 2 == run(*words)[0]
        monkeypatch.setenv("PARLEY_AUTH_SEALING_KEY", SEALING)
        code, out, _ = run(*words)
        claim = tokens.verify(out.strip(), RULES, time.time()).claims["parley_session"]
        assert {"voice": "cedar", "instructions": "Sing."} == Seal(read_key(SEALING)).open(claim)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (None, "cannot be read: No such file or directory"),
            ("[]", "is not a JSON object"),
            ('{"speed": 7}', "session: speed must be a number from 0.25 to 1.5."),
        ],
    )
    def test_a_session_that_cannot_be(self, run, tmp_path, text, words):
        """One sentence."""
        path = tmp_path / "session.json"
        if text is not None:
            path.write_text(text)
        code, out, err = run("token", "--user", "alice", "--session", str(path))

        assert (2, "", 1) == (code, out, err.count("\n"))
        assert err.startswith("No token: ")
        assert words in err

    @pytest.mark.parametrize(
        "words",
        [
            ("token", "--user"),
            ("token", "--user", "anna", "--scope"),
            ("token", "--user", "anna", "--organisation"),
            *(("talk", f"--{name}") for name in ("text", "voice", "instructions", "url", "token")),
            *(("doctor", f"--{name}") for name in ("url", "token")),
        ],
    )
    def test_bytes_that_are_no_text(self, run, words):
        """They are refused before anybody is called: no message and no address can carry them."""
        code, out, err = run(*words, "Gr\udcfc")

        assert (2, "") == (code, out)
        assert f"argument {words[-1]}: is not UTF-8\n" in err

    def test_an_organisation_without_a_name(self, run):
        """A token that no limit of an organisation holds for is not made without a word."""
        code, out, err = run("token", "--user", "anna", "--organisation", "")

        assert (2, "") == (code, out)
        assert "argument --organisation: must not be empty; leave it out for none\n" in err

    def test_without_a_user(self, run):
        """A token is always somebody's."""
        code, _, err = run("token")

        assert 2 == code
        assert "--user" in err


class TestCheckConfig:
    def test_good_settings(self, run, monkeypatch, tmp_path):
        """One line says so, and nothing is written: no secret is needed to check."""
        monkeypatch.delenv("PARLEY_AUTH_SECRET")

        assert (0, "The settings are right for development.\n", "") == run("check-config")
        assert not (tmp_path / "state").exists()

    def test_several_upstreams(self, run, tmp_path, monkeypatch):
        """They are listed in order, and no key with them."""
        monkeypatch.setenv("AZURE_KEY", "sk-CANARY")
        config = tmp_path / "own.toml"
        config.write_text(
            "[upstream]\nurl = 'wss://api.openai.com/v1/realtime'\n"
            "[[upstream.fallbacks]]\nname = 'azure'\napi_key = { env = 'AZURE_KEY' }\n"
            "url = 'wss://resource.openai.azure.com/openai/v1/realtime?model=d'\n"
            "[[upstream.fallbacks]]\nname = 'here'\nurl = 'local'\n"
        )
        code, out, err = run("check-config", "--config", str(config))

        assert (0, "") == (code, err)
        assert "Models, in this order: first (openai), azure (azure), here (local)." in out

    def test_everything_that_is_wrong_at_once(self, run, tmp_path, monkeypatch):
        """Each problem in a line of its own, whether it is in the file or the environment."""
        monkeypatch.setenv("PARLEY_LIMITS_CONNECTIONS", "many")
        monkeypatch.setenv("PARLEY_LIMTS_CONNECTIONS", "5")
        config = tmp_path / "own.toml"
        config.write_text("[server]\nport = 70000\nprot = 1\n[heartbeat]\ninterval_s = 100\n")
        code, out, err = run("check-config", "--config", str(config))

        assert (2, "") == (code, out)
        lines = err.splitlines()
        assert 5 == len(lines)
        for words in (
            "limits.connections (PARLEY_LIMITS_CONNECTIONS): must be",
            "PARLEY_LIMTS_CONNECTIONS (did you mean PARLEY_LIMITS_CONNECTIONS?)",
            "must be an integer from 0 to 65535, not 70000",
            f"server.prot in {config}: is no setting; did you mean port?",
            "heartbeat.interval_s (PARLEY_HEARTBEAT_INTERVAL_S): must be less than",
        ):
            assert 1 == sum(words in line for line in lines), words

    def test_a_wrong_fault_is_named_with_all_else_that_is_wrong(self, run, monkeypatch):
        """The local model's own sentence, with the name of the setting."""
        monkeypatch.setenv("PARLEY_MODEL_FAULT", "close=7")
        monkeypatch.setenv("PARLEY_MODEL_PACE", "fast")
        code, _, err = run("check-config")

        assert 2 == code
        assert "model.fault (PARLEY_MODEL_FAULT): The fault close must be an integer from" in err
        assert "model.pace" in err

    def test_what_production_refuses(self, run, monkeypatch):
        """No secret, no origins and a model without TLS are named in one run."""
        monkeypatch.setenv("PARLEY_SERVER_ENVIRONMENT", "production")
        monkeypatch.setenv("PARLEY_UPSTREAM_URL", "ws://model.example/v1/realtime")
        monkeypatch.delenv("PARLEY_AUTH_SECRET")
        code, _, err = run("check-config")

        assert 2 == code
        assert [
            "auth.secret (PARLEY_AUTH_SECRET): must be set in production",
            (
                "server.allowed_origins (PARLEY_SERVER_ALLOWED_ORIGINS): "
                "must name at least one origin in production"
            ),
            "upstream.url (PARLEY_UPSTREAM_URL): must be wss:// in production, except on loopback",
        ] == err.splitlines()

    @pytest.mark.parametrize(
        ("secret", "words"),
        [
            (DEVELOPMENT_PREFIX + "x" * 64, "development secret"),
            ("change-me-change-me-change-me-change-me", "placeholder"),
            ("a" * 64, "easily guessed"),
            ("short-Xk29", "at least 32 bytes"),
        ],
    )
    def test_secrets_that_production_refuses(self, run, monkeypatch, secret, words):
        """It says why, and does not show them."""
        monkeypatch.setenv("PARLEY_SERVER_ENVIRONMENT", "production")
        monkeypatch.setenv("PARLEY_SERVER_ALLOWED_ORIGINS", '["https://app.example"]')
        monkeypatch.setenv("PARLEY_AUTH_SECRET", secret)
        code, _, err = run("check-config")

        assert 2 == code
        assert words in err
        assert secret not in err

    def test_production_that_is_right(self, run, monkeypatch):
        """With a secret, an origin and a key, and the key in no output."""
        monkeypatch.setenv("PARLEY_SERVER_ENVIRONMENT", "production")
        monkeypatch.setenv("PARLEY_SERVER_ALLOWED_ORIGINS", '["https://app.example"]')
        monkeypatch.setenv("OPENAI_API_KEY", KEY)

        assert (0, "The settings are right for production.\n", "") == run("check-config")

    def test_what_is_wrong_with_policy_and_instructions_is_named(self, run, tmp_path, monkeypatch):
        """Beside all else, by the field; the text of the instructions is not repeated."""
        policy = tmp_path / "policy.toml"
        policy.write_text("[fields]\nvoice = {query = 1}\n[instructions]\nclaims = ['name']\n")
        monkeypatch.setenv("PARLEY_SESSION_POLICY_FILE", str(policy))
        monkeypatch.setenv("PARLEY_SESSION_INSTRUCTIONS", "Greet {name}, not canary {nmae}.")
        code, _, err = run("check-config")

        assert 2 == code
        assert [
            (
                f"session.policy_file (PARLEY_SESSION_POLICY_FILE): {policy}: fields.voice.query: "
                'must be true, false, "session", or a list of values'
            ),
            (
                "session.instructions (PARLEY_SESSION_INSTRUCTIONS): must be a text with at "
                "most 64 names in braces, of {user_id}, {date}, {language}, {name}, "
                "{metadata.NAME}, and {{ or }} for a brace; character 26 is none of these"
            ),
        ] == err.splitlines()
        assert "canary" not in err

    @pytest.mark.parametrize(
        ("text", "words"), [(None, "cannot be read: No such file"), ("[", "is not valid TOML")]
    )
    def test_a_policy_that_cannot_be_read(self, run, tmp_path, monkeypatch, text, words):
        """One sentence that names it."""
        policy = tmp_path / "policy.toml"
        if text is not None:
            policy.write_text(text)
        monkeypatch.setenv("PARLEY_SESSION_POLICY_FILE", str(policy))
        code, _, err = run("check-config")

        [line] = err.splitlines()
        assert 2 == code
        assert f"session.policy_file (PARLEY_SESSION_POLICY_FILE): {policy} {words}" in line

    def test_the_environment_wins_over_the_file(self, run, tmp_path, monkeypatch):
        """And the file over the defaults."""
        config = tmp_path / "own.toml"
        config.write_text("[server]\nenvironment = 'production'\n")
        from_file = run("check-config", "--config", str(config))
        monkeypatch.setenv("PARLEY_SERVER_ENVIRONMENT", "development")
        from_environment = run("check-config", "--config", str(config))

        assert 2 == from_file[0]
        assert "development" in from_environment[1]

    @pytest.mark.parametrize("content", [None, b"\xff\xfe", b"[server\n"])
    def test_a_file_that_cannot_be_read(self, run, tmp_path, content):
        """One sentence, no traceback."""
        config = tmp_path / "own.toml"
        if content is not None:
            config.write_bytes(content)
        code, _, err = run("check-config", "--config", str(config))

        assert 2 == code
        assert 1 == err.count("\n")

    def test_a_state_directory_that_cannot_be(self, run, tmp_path, monkeypatch):
        """Development needs a place for its secret, unless it is given one."""
        monkeypatch.delenv("PARLEY_AUTH_SECRET")
        (tmp_path / "file").touch()
        monkeypatch.setenv("PARLEY_SERVER_STATE_DIR", str(tmp_path / "file" / "below"))
        code, _, err = run("token", "--user", "a")

        assert 2 == code
        assert err.startswith("server.state_dir (PARLEY_SERVER_STATE_DIR): ")
        assert f"kept in {tmp_path}/file/below: Not a directory; name a directory " in err
        assert 1 == err.count("\n")
        assert (code, "", err) == run("check-config")

    def test_a_state_directory_that_nobody_needs(self, run, tmp_path, monkeypatch):
        """Who lists what there is makes no tokens, and leaves nothing behind."""
        monkeypatch.delenv("PARLEY_AUTH_SECRET")
        monkeypatch.setenv("PARLEY_SERVER_STATE_DIR", str(tmp_path / "state"))
        monkeypatch.setenv("PARLEY_RECORDINGS_DIRECTORY", str(tmp_path / "recordings"))

        assert 0 == run("recordings")[0]
        assert 0 == run("check-config")[0]
        assert 1 == run("talk", "--url", NOBODY, "--token", "x", "--text", "Hello.")[0]
        assert [] == [*tmp_path.iterdir()]

    def test_a_config_file_without_a_name(self, run):
        """A variable of a script that is empty is no directory that cannot be read."""
        code, _, err = run("check-config", "--config", "")

        assert (2, "--config cannot be read: it names no file\n") == (code, err)

    def test_a_config_file_with_a_mark_of_the_order_of_bytes(self, run, tmp_path):
        """Some editors begin every text with one."""
        path = tmp_path / "my.toml"
        path.write_text("\ufeff[limits]\nconnections = 7\n", "utf-8")

        assert 0 == run("check-config", "--config", str(path))[0]


class TestServe:
    def test_wrong_settings_start_nothing(self, run, monkeypatch):
        """The same sentences as `check-config`, and exit code 2."""
        monkeypatch.setenv("PARLEY_SERVER_ENVIRONMENT", "production")
        code, out, err = run("serve", "--port", "0")

        assert (2, "") == (code, out)
        assert "must name at least one origin in production" in err

    @pytest.mark.usefixtures("_logging", "_leak_of_tornado")
    def test_a_taken_port(self, run):
        """One sentence that says what to do, and exit code 1."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            code, out, err = run("--port", str(port))

        assert (1, "") == (code, out)
        sentence = f"127.0.0.1:{port} is in use. Choose another with --port; 0 finds one.\n"
        assert f"Parley could not start: {sentence}" == err

    @pytest.mark.usefixtures("_logging", "_leak_of_tornado")
    @pytest.mark.parametrize("processes", ["1", "2"])
    @pytest.mark.parametrize("host", ["203.0.113.1", "a..b", "x" * 70])
    def test_an_address_that_is_not_here(self, run, host, processes):
        """One sentence as well, which names the settings and what they are."""
        code, _, err = run("serve", "--host", host, "--port", "0", "--processes", processes)

        assert 1 == code
        sentence = f"Parley could not start: server.host and server.port, {host}:0: "
        assert err.startswith(sentence)
        assert "[Errno" not in err
        assert 1 == err.count("\n")

    @pytest.mark.parametrize("name", ["port", "processes"])
    @pytest.mark.parametrize("number", ["", "abc", "1.5", "-1", "99999"])
    def test_a_number_that_cannot_be(self, run, name, number):
        """It is judged as in the environment, and the sentence is the same."""
        code, _, err = run("serve", f"--{name}", number)

        assert 2 == code
        assert err.startswith(f"server.{name} (PARLEY_SERVER_{name.upper()}): must be an integer")
        assert 1 == err.count("\n")

    def test_what_it_says_at_the_start(self, tmp_path):
        """Where it listens, which model it has, a token that works; no secret, and no log there."""
        environ = dict(os.environ) | {
            "PARLEY_UPSTREAM_URL": f"{NOBODY}?key={KEY}",
            "OPENAI_API_KEY": KEY,
            "PARLEY_UPSTREAM_MODEL": "gpt-realtime-mini",
        }
        command = [sys.executable, "run.py", "--host", "localhost", "--port", "0"]
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            first = process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            rest, err = process.stdout.read(), process.stderr.read()

        [token] = [line.split()[-1] for line in rest.splitlines() if line.startswith("Token")]
        assert first.startswith("Parley listens on ws://localhost:")
        assert "Model: gpt-realtime-mini at 127.0.0.1:9\n" in rest
        assert "developer" == tokens.verify(token, RULES, time.time()).user_id
        assert 0 == process.returncode
        for secret in (KEY, SECRET):
            assert secret not in first + rest + err
        assert token not in err

    def test_production_shows_no_token(self):
        """Who runs it there makes tokens elsewhere, and has asked for the local model by name."""
        pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
        environ = dict(os.environ) | {
            "PARLEY_SERVER_ENVIRONMENT": "production",
            "PARLEY_UPSTREAM_URL": "local",
            "PARLEY_SERVER_ALLOWED_ORIGINS": '["https://app.example"]',
            "PARLEY_MODEL_CHAT_URL": f"http://127.0.0.1:9/{KEY}",
            "PARLEY_MODEL_CHAT_MODEL": "tiny",
            "PARLEY_MODEL_CHAT_API_KEY": KEY,
        }
        with subprocess.Popen(
            [sys.executable, "run.py", "serve", "--port", "0"],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            first = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            rest, err = process.stdout.read(), process.stderr.read()

        assert first.startswith("Parley listens on ")
        assert "Model: a local one, which hears and speaks English" in rest
        assert "A chat model thinks for it: tiny." in rest
        assert "OPENAI_API_KEY" not in rest
        assert KEY not in rest + err
        assert "Token" not in rest
        assert "eyJ" not in rest + err
        assert all(line.startswith("{") for line in err.splitlines())
        assert 0 == process.returncode


class TestTalk:
    @pytest.mark.parametrize("chunk_ms", ["0", "-20", "nan", "inf", "x"])
    def test_a_chunk_that_cannot_be(self, run, chunk_ms):
        """It is refused before anything is read or dialled."""
        code, _, err = run("talk", "any.wav", "--chunk-ms", chunk_ms)

        assert 2 == code
        assert "must be a number above 0" in err

    def test_its_arguments(self, run, monkeypatch, tmp_path):
        """The address and the token come from the settings unless they are given."""
        wishes = []

        async def note(wish, _):
            wishes.append(wish)
            return 7

        monkeypatch.setattr(command, "run", note)
        monkeypatch.setenv("PARLEY_SERVER_PORT", "1234")
        code, _, _ = run("talk", AMIABLE)
        words = ("--url", "wss://a.example/ws", "--token", "t", "--fast", "--chunk-ms", "33.5")
        run("talk", AMIABLE, *words, "--save", str(tmp_path / "b.wav"))
        plain, full = wishes

        assert 7 == code
        assert plain.address.url.startswith("ws://127.0.0.1:1234/ws?")
        assert "developer" == tokens.verify(plain.token, RULES, time.time()).user_id
        assert (None, False, None) == (plain.keeper, plain.is_fast, plain.chunk_ms)
        assert full.address.url.startswith("wss://a.example/ws?")
        assert ("t", True, 33.5) == (full.token, full.is_fast, full.chunk_ms)
        assert str(tmp_path / "b.wav") == full.keeper.path
        assert not (tmp_path / "b.wav").exists()  # nothing was heard


def test_the_local_model_alone():
    """It prints its address, and ends with 0 when it is told to."""
    with subprocess.Popen(
        [sys.executable, "run.py", "model", "--mode", "echo", "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        line = process.stdout.readline()
        process.terminate()
        err = process.stderr.read()

    assert line.startswith("Local Realtime server ready: ws://127.0.0.1:")
    assert (0, "") == (process.returncode, err)


def test_the_help_of_the_program():
    """``python run.py --help`` works from anywhere."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "--help"],
        cwd="/",
        check=True,
        capture_output=True,
        timeout=30,
    )

    assert b"Parley, a realtime voice gateway" in done.stdout
    assert b"" == done.stderr
