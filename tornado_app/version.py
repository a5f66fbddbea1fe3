"""Which Parley this is."""

VERSION = "0.1.0"
"""As semver.org has it; docs/releasing.md says when it changes, and what else goes by it."""
