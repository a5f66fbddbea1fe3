"""Routes and Tornado settings, nothing else."""

from tornado.web import Application

from tornado_app.admission import proxies
from tornado_app.gateway import Gateway
from tornado_app.handlers.probes import HealthHandler, ReadyHandler
from tornado_app.handlers.voice import VoiceHandler
from tornado_app.health import Health
from tornado_app.logs import log_request
from tornado_app.protocol.voice_v1.dialect import VOICE_V1


def make_app(gateway: Gateway, health: Health) -> Application:
    trusted = proxies.networks(gateway.settings.server.trusted_proxies)
    voice = {"gateway": gateway, "trusted": trusted, "dialect": VOICE_V1}
    return Application(
        [
            (r"/ws", VoiceHandler, voice),
            (r"/healthz", HealthHandler, {"health": health}),
            (r"/readyz", ReadyHandler, {"health": health}),
        ],
        log_function=log_request,
        # Pings and their deadlines are the session's: Tornado clamps the timeout to the interval.
        websocket_ping_interval=0,
        serve_traceback=False,
    )
