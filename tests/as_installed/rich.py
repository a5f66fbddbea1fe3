"""In place of a package that only tools of developers bring along (tests/conftest.py)."""

raise ModuleNotFoundError("No module named 'rich'", name="rich")
