"""Which steps there are, in which order, for a gateway of our own and for one that runs."""

from tornado_app.commands.doctor.beginning import Beginning
from tornado_app.commands.doctor.case import Case
from tornado_app.commands.doctor.finding import Step
from tornado_app.commands.doctor.model_steps import FromHere, FromOutside
from tornado_app.commands.doctor.talking import Talking

ABOUT_SETTINGS = "run.py check-config names everything that is wrong with them."
ABOUT_TOKENS = "Check [auth] of the settings, or the token that was given; docs/tokens.md."
ABOUT_ADDRESS = "Check server.host and server.port, or --url."
ABOUT_SERVER = "Start run.py serve, and read what it says."
ABOUT_CALL = "Look for client_refused in the gateway's log."
ABOUT_TURN = "Look for this call in the gateway's log; docs/operations.md, Logs."
ABOUT_MODEL = "Check upstream.url, upstream.model and the network."


def steps_for(case: Case) -> list[Step]:
    """What is tried of *case*."""
    begin, talk = Beginning(case), Talking(case)
    settings = Step("settings", begin.settings, (), ABOUT_SETTINGS)
    after_settings = () if case.token and case.url else ("settings",)
    token = Step("token", begin.token, after_settings, ABOUT_TOKENS)
    call = Step("call", begin.call, ("address", "token"), ABOUT_CALL, 15)
    turns = [
        Step("typed turn", talk.typed, ("call", "configuration"), ABOUT_TURN, 60),
        Step("spoken turn", talk.spoken, ("call", "configuration"), ABOUT_TURN, 90),
        Step("tools", talk.tools, ("typed turn",), ABOUT_TURN, 60),
    ]
    if case.url:
        outside = FromOutside(case)
        return [
            settings,
            token,
            Step("address", begin.reach, (), ABOUT_ADDRESS, 15),
            call,
            Step("key", outside.key, ("call",), ABOUT_MODEL, 60),
            Step("model", outside.model, ("call",)),
            Step("configuration", outside.configuration, ("model",)),
            *turns,
        ]
    here = FromHere(case)
    return [
        settings,
        token,
        Step("address", begin.listen, ("settings",), ABOUT_ADDRESS),
        Step("server", begin.serve, ("settings",), ABOUT_SERVER, 90),
        Step("key", here.key, ("server",), ABOUT_MODEL, 90),
        Step("model", here.model, ("server",), ABOUT_MODEL),
        Step("configuration", here.configuration, ("model",), ABOUT_MODEL),
        Step("call", begin.call, ("server", "token"), ABOUT_CALL, 15),
        *turns,
    ]
