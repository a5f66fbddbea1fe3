"""What one dial to the model says of the key, the model and the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass

from tornado_app.commands.doctor.finding import Skipped, Trouble
from tornado_app.protocol.endings import Ending
from tornado_app.upstream.endpoint import Provider
from tornado_app.upstream.standing import advice
from tornado_app.upstream.trial import Stage

ABOUT_KEYS = {
    "http_401",
    "http_403",
    "invalid_api_key",
    "authentication_error",
    "permission_error",
    "account_deactivated",
}
WANTS_A_KEY: set[Provider] = {"openai", "azure"}


@dataclass(frozen=True, slots=True)
class Dialled:
    """How far a dial came, and how it ended."""

    provider: Provider
    has_key: bool
    reached_s: Mapping[Stage, float]
    verdict: Ending | None
    fallback: str = ""
    """The name of the upstream, if it is not the first."""

    def key(self) -> str:
        """What to say of the key.

        Raises:
            Trouble: If it was refused, or there is none where one is needed.
            Skipped: If nobody was reached who could say.
        """
        verdict = self.verdict
        if verdict is not None and verdict.cause in ABOUT_KEYS:
            what = "The key was refused" if self.has_key else "There is no key, and one is needed"
            raise Trouble(f"{what} ({verdict.cause}).", advice(verdict, self.fallback))
        if not self.has_key and self.provider in WANTS_A_KEY:
            where = f"upstream.fallbacks.{self.fallback}" if self.fallback else "upstream"
            others = "" if self.fallback else "OPENAI_API_KEY or "
            raise Trouble("There is no key.", f"Set {others}{where}.api_key.")
        if self.provider == "local":
            return "None is needed: the model is on this computer."
        if "opened" not in self.reached_s and not (verdict and verdict.cause.startswith("http_")):
            raise Skipped("Nobody was reached who could take it.")
        return "It was not refused." if self.has_key else "None is set, and none was asked for."

    def model(self) -> str:
        """What to say of the model.

        Raises:
            Trouble: If it cannot be reached, or begins no session.
            Skipped: If the key is what is wrong.
        """
        if self.verdict is not None and self.verdict.cause in ABOUT_KEYS:
            raise Skipped("The key comes first.")
        if "created" in self.reached_s:
            return f"Its session began {1000 * self.reached_s['created']:.0f} ms after the dial."
        raise self._trouble()

    def configuration(self) -> str:
        """What to say of the settings of a session.

        Raises:
            Trouble: If the model did not take them.
        """
        if self.verdict is None:
            return "The model has taken it, tools included."
        raise self._trouble()

    def _trouble(self) -> Trouble:
        verdict = self.verdict
        if verdict is None:
            return Trouble("It said nothing of a session.")
        if verdict.code == "upstream_rejected":
            what = "It refuses"
        elif "opened" in self.reached_s:
            what = "It was reached, and did not go on"
        else:
            what = "It cannot be reached"
        return Trouble(f"{what} ({verdict.cause}).", advice(verdict, self.fallback))
