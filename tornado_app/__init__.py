"""Parley's gateway: the spine, and the rooms around it.  docs/architecture.md has the picture.

Here stand only the spine (`server`, `app`, `gateway`, `connection`, `health`) and the leaves that
every room may use (`mailbox`, `logs`, `errors`).  Anything with a purpose of its own has a room.
"""

from compiling import loading  # noqa: F401  before any module that may be compiled
