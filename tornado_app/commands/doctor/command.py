"""``run.py doctor``: its arguments, its report and its exit code."""

import argparse
import asyncio
import io
import platform
from dataclasses import replace

import tornado

from terminal.status_line import StatusLine
from terminal.streams import write_out
from terminal.words import answer, complain
from tornado_app import logs
from tornado_app.commands.configuration import ROOT
from tornado_app.commands.doctor import report
from tornado_app.commands.doctor.case import Case
from tornado_app.commands.doctor.finding import Finding, examine
from tornado_app.commands.doctor.steps import steps_for
from tornado_app.commands.doctor.veil import Veil
from tornado_app.commands.interruptible import until_told
from tornado_app.commands.talk.address import address_as_it_is
from tornado_app.commands.talk.failure import Failed
from tornado_app.settings.schema import Settings
from tornado_app.upstream.endpoint import provider

RECORDING = ROOT / "tests" / "data" / "amiable.wav"


def start(options: argparse.Namespace) -> int:
    """0 if no step has failed, 1 if one has; 128 and a signal's number if that ended it.

    Raises:
        OutputLost: If nobody reads the report.
    """
    # What the gateway of this trial writes down is said in the report, in fewer words.
    logs.configure("error", "console", io.StringIO())
    try:
        case = case_of(options)
    except Failed as failed:
        complain(*failed.lines)
        return 2
    with asyncio.Runner() as runner:
        return runner.run(until_told(examined(case)))


def case_of(options: argparse.Namespace) -> Case:
    """What is to be tried.

    Raises:
        Failed: If the address is none.
    """
    url = address_as_it_is(options.url) if options.url else ""
    return Case(options, url, options.token or "", str(options.recording or RECORDING), Veil())


async def examined(case: Case) -> int:
    """Try each step, say what was found, and end what was begun; the exit code of `start`."""
    findings: list[Finding] = []
    as_json, status = case.options.json, StatusLine()

    def begin(step: str) -> None:
        if not as_json:
            status.show(f"Trying: {step} ...")

    try:
        async for found in examine(steps_for(case), begin):
            finding = replace(
                found, says=case.veil.over(found.says), advice=case.veil.over(found.advice)
            )
            findings.append(finding)
            if not as_json:
                status.clear()
                write_out(report.row(finding))
    finally:
        status.clear()
        await case.close()
    if as_json:
        write_out(f"{report.as_json(_facts(case), findings)}\n")
    else:
        answer(report.summary(findings))
        answer(f"({', '.join(f'{name} {value}' for name, value in _facts(case).items())})")
    return int(any(finding.status == "failed" for finding in findings))


def _facts(case: Case) -> dict[str, str]:
    """What a bug report has to say beside: no address, no name."""
    return {
        "python": platform.python_version(),
        "tornado": tornado.version,
        "system": f"{platform.system()} {platform.machine()}",
        "tried": "a gateway that runs" if case.options.url else "a gateway of its own",
        **_of_settings(case.settings, case.options.url),
    }


def _of_settings(settings: Settings | None, url: str | None) -> dict[str, str]:
    if settings is None or url:
        return {}
    return {"environment": settings.server.environment, "model": provider(settings)}
