"""Parley's gateway: the spine, and the rooms around it.  docs/architecture.md has the picture.

Here stand only the spine, from `serving` down to a call (`connection` and what it is made of), and
the leaves that every room may use (`mailbox`, `logs`, `errors`).  All else has a room.
"""

from compiling import loading  # noqa: F401  before any module that may be compiled
