"""The processes that a test has started."""

from contextlib import suppress

import psutil


def embedded_models() -> list[psutil.Process]:
    """Those of `EmbeddedModel`; what other tests keep for themselves is not among them."""
    found = []
    for each in psutil.Process().children():
        with suppress(psutil.Error):  # it is gone, or not yet what it is to be
            if "--stop-with-parent" in each.cmdline():
                found.append(each)
    return found
