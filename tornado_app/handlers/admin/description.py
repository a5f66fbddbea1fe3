"""``/admin/v1/openapi.json``: what there is, for programs."""

from importlib.resources import files

from tornado_app.handlers.admin.asking import AdminHandler

DESCRIPTION = files("tornado_app.admin").joinpath("openapi.json").read_bytes()


class DescriptionHandler(AdminHandler):
    """Thread: loop."""

    allowed = ("GET",)

    def get(self) -> None:
        self.answer(200, DESCRIPTION)
