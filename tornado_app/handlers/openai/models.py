"""``GET /v1/models``: which models the caller may ask for."""

from typing import Any

from tornado_app.errors import Refused
from tornado_app.handlers.openai.answering import ApiHandler
from tornado_app.handlers.quiet import as_json
from tornado_app.handlers.refusals import http_status


class ModelsHandler(ApiHandler):
    """All of them, or the one that the address names.  Thread: loop."""

    allowed = ("GET", "HEAD")

    async def get(self, name: str | None = None) -> None:
        try:
            models = self._gateway.access.judge.models_for(await self.caller())
        except Refused as refused:
            self.note(refused)
            self.refuse(refused, http_status(refused))
            return
        if name is None:
            body = {"object": "list", "data": [_model(model) for model in models]}
            self.answer(200, as_json(body))
        elif name in models:
            self.answer(200, as_json(_model(name)))
        else:
            sentence = f"There is no such model here; there are {', '.join(models)}."
            self.refuse(Refused("invalid_message", sentence, "model"), 404)

    async def head(self, name: str | None = None) -> None:
        """As GET; Tornado leaves the body out."""
        await self.get(name)


def _model(name: str) -> dict[str, Any]:
    """When it was made is known to those who made it."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "parley"}
