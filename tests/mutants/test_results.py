"""Tests of tests/mutants/results.py: nothing that was found out is lost when a run is stopped."""

from tests.mutants.results import Results


def test_each_verdict_is_there_for_the_next_run_as_soon_as_it_is_known(tmp_path):
    """The run that found it out may be killed at any moment, while mypy is asked as well."""
    path = tmp_path / "build" / "results.json"
    first = Results(path, goes_on=False)
    first.note("a.py:1 f: x  ->  y", "survived")
    first.note("a.py:2 f: x  ->  y", "killed tests/test_a.py::test")
    first.note("a.py:3 f: x  ->  y", "no test")
    first.note("a.py:3 f: x  ->  y", "types")

    alive = [Results(path, goes_on=True).is_alive(f"a.py:{line} f: x  ->  y") for line in (1, 2, 3)]
    assert [True, False, False] == alive


def test_another_run_begins_with_nothing(tmp_path):
    """Unless it goes on with what lived."""
    path = tmp_path / "results.json"
    Results(path, goes_on=False).note("a.py:1", "survived")
    other = Results(path, goes_on=False)
    other.note("b.py:1", "survived")

    assert [False, True] == [Results(path, goes_on=True).is_alive(n) for n in ("a.py:1", "b.py:1")]


def test_what_only_mypy_notices_is_left_out_of_the_rate(tmp_path):
    results = Results(tmp_path / "results.json", goes_on=False)
    verdicts = ["killed tests/test_a.py::test", "timeout", "survived", "no test", "types", "types"]
    for line, verdict in enumerate(verdicts):
        results.note(f"a.py:{line}", verdict)

    (_, *rows) = [line.split() for line in results.table()]
    assert [["a.py", "6", "2", "2", "2", "50.0"], ["all", "6", "2", "2", "2", "50.0"]] == rows
