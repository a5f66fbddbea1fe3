"""Audio for the pool, and the process that decodes files: numpy and scipy on samples.

State goes in and comes out, so that any thread may run a function; nothing here knows the server.
"""

from compiling import loading  # noqa: F401  before any module that may be compiled
