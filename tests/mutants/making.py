"""Mutants of a file: what mutmut would change in its functions, one change each, and some more."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import libcst as cst
from libcst import matchers
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import (
    NEVER_MUTATE_FUNCTION_NAMES,
    Mutation,
    MutationVisitor,
    OuterFunctionProvider,
)
from mutmut.mutation.mutators import (
    mutation_operators,
    operator_keywords,
    operator_string,
    operator_swap_op,
)
from mutmut.mutation.pragma_handling import IgnoredCode


@dataclass
class Mutant:
    """One change of one function; what it makes of the file is written when it is asked for."""

    path: str
    qualified_name: str
    function_lines: tuple[int, int]
    """From its first decorator to its end."""
    lines: frozenset[int]
    """Where it can be noticed: a test that runs none of them need not be tried."""
    function: cst.FunctionDef
    original: cst.CSTNode
    mutated: cst.CSTNode
    file: list[str]
    """The lines of the file without the change."""

    @cached_property
    def changed(self) -> list[str]:
        """The lines of the function with the change."""
        function = self.function.deep_replace(self.original, self.mutated)
        return rendered(function, is_method="." in self.qualified_name)

    @cached_property
    def source(self) -> str:
        """The file with the change."""
        first, last = self.function_lines
        return "\n".join([*self.file[: first - 1], *self.changed, *self.file[last:], ""])

    @cached_property
    def name(self) -> str:
        """Where it is and what it changes: the same one again as long as the file stays."""
        first, last = self.function_lines
        before, after = self.file[first - 1 : last], self.changed
        same = alike(before, after)
        before, after = before[same:], after[same:]
        same = alike(before[::-1], after[::-1])
        was, now = (
            " ".join(" ".join(lines[: len(lines) - same]).split()) for lines in (before, after)
        )
        return f"{self.path}:{min(self.lines)} {self.qualified_name}: {was}  ->  {now}"


def rendered(function: cst.FunctionDef, *, is_method: bool) -> list[str]:
    """Its lines, as they stand in the file."""
    function = function.with_changes(leading_lines=[])
    if not is_method:
        return cst.Module([function]).code.splitlines()
    around = cst.ClassDef(cst.Name("Around"), cst.IndentedBlock([function]))
    return cst.Module([around]).code.splitlines()[1:]


def alike(some: list[str], others: list[str]) -> int:
    """How many lines they begin with in common."""
    pairs = zip(some, others, strict=False)
    shorter = min(len(some), len(others))
    return next((i for i, (one, other) in enumerate(pairs) if one != other), shorter)


def one_spelling(node: cst.BaseString) -> Iterator[cst.BaseString]:
    """Another word in place of a word; the sentences are read by people and not by tests."""
    if isinstance(node, cst.SimpleString) and " " not in node.value:
        yield from list(operator_string(node))[:1]


def drop_call(node: cst.SimpleStatementLine) -> Iterator[cst.SimpleStatementLine]:
    """Leave out what is done for its effect alone."""
    if isinstance(node.body[0], cst.Expr) and isinstance(node.body[0].value, cst.Call | cst.Await):
        yield node.with_changes(body=[cst.Pass()])


def negate(node: cst.If | cst.IfExp | cst.While) -> Iterator[cst.CSTNode]:
    """The other branch, where the condition is no more than a name or a question."""
    if isinstance(node.test, cst.Name | cst.Attribute | cst.Call):
        test = cst.UnaryOperation(cst.Not(), node.test)
        if isinstance(node, cst.IfExp):
            test = test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        yield node.with_changes(test=test)


KINDS = {
    operator_keywords: (cst.Is, cst.IsNot, cst.In, cst.NotIn, cst.Break, cst.Continue),
    operator_swap_op: (
        cst.BinaryOperation,
        cst.UnaryOperation,
        cst.BooleanOperation,
        cst.ComparisonTarget,
        cst.AugAssign,
    ),
}
"""mutmut asks these of every node, of which each file has thousands."""
OPERATORS = [
    *(
        (KINDS.get(change, kind), change)
        for kind, change in mutation_operators
        if change is not operator_string
    ),
    (cst.BaseString, one_spelling),
    (cst.SimpleStatementLine, drop_call),
    (cst.If | cst.IfExp | cst.While, negate),
]


@cache
def operators_of(kind: type[cst.CSTNode]) -> list[Callable[[Any], Iterable[cst.CSTNode]]]:
    return [operator for kinds, operator in OPERATORS if issubclass(kind, kinds)]


NEVER = matchers.SimpleStatementLine([matchers.Expr(matchers.Call(matchers.Name("assert_never")))])


class Finder(MutationVisitor):
    """mutmut's, which has to leave decorated functions out; here a function keeps its place."""

    def __init__(self) -> None:
        super().__init__([], IgnoredCode(set(), set(), set()))
        self.found: list[tuple[Mutation, frozenset[int]]] = []
        self._statements: list[frozenset[int]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.BaseStatement):
            self._statements.append(self._lines(node))
        goes_in = super().on_visit(node)
        if self.mutations:
            around = self._statements[-1] if self._statements else frozenset()
            lines = self._lines(node) | around
            self.found += ((mutation, lines) for mutation in self.mutations)
            self.mutations = []
        return goes_in

    def on_leave(self, original_node: cst.CSTNode) -> None:
        super().on_leave(original_node)
        if isinstance(original_node, cst.BaseStatement):
            self._statements.pop()

    def _create_mutations(self, node: cst.CSTNode) -> None:
        """As mutmut does, which asks of each node whether it is of each kind: most of the time."""
        function = self.get_metadata(OuterFunctionProvider, node, None)
        for operator in operators_of(type(node)):
            for mutated in operator(node):
                self.mutations.append(Mutation(node, mutated, function))

    def _lines(self, node: cst.CSTNode) -> frozenset[int]:
        """Those of a plain statement or an expression, or of the head of one with a body."""
        place = self.get_metadata(PositionProvider, node, None)
        if place is None:
            return frozenset()
        last = place.end.line
        body = getattr(node, "body", None)
        if isinstance(node, cst.BaseCompoundStatement) and isinstance(body, cst.IndentedBlock):
            last = self.get_metadata(PositionProvider, body).start.line
        return frozenset(range(place.start.line, max(place.start.line, last) + 1))

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        """Nothing that runs when the file is imported: defaults, annotations, decorators.

        Nor ``assert_never``: mypy has seen that nobody comes there.
        """
        if isinstance(node, cst.FunctionDef):
            return node.name.value in NEVER_MUTATE_FUNCTION_NAMES | {"__repr__"}
        if isinstance(node, cst.Param | cst.Annotation | cst.Decorator):
            return True
        if isinstance(node, cst.SimpleStatementLine) and matchers.matches(node, NEVER):
            return True
        return bool(super()._skip_node_and_children(node))


def mutants(path: str) -> list[Mutant]:
    """All of a file."""
    source = Path(path).read_text()
    wrapper = MetadataWrapper(cst.parse_module(source))
    finder = Finder()
    module = wrapper.visit(finder)
    places = wrapper.resolve(PositionProvider)
    names = dict(qualified_names(module.body))
    file = source.splitlines()
    made = []
    for mutation, lines in finder.found:
        function = mutation.contained_by_top_level_function
        if not lines or not isinstance(function, cst.FunctionDef) or function not in names:
            continue
        first = min(places[node].start.line for node in (function, *function.decorators))
        span = first, places[function].end.line
        nodes = function, mutation.original_node, mutation.mutated_node
        made.append(Mutant(path, names[function], span, lines, *nodes, file))
    return made


def qualified_names(
    body: Iterable[cst.CSTNode], above: str = ""
) -> Iterator[tuple[cst.FunctionDef, str]]:
    """As `__qualname__` spells them."""
    for node in body:
        if isinstance(node, cst.FunctionDef):
            yield node, above + node.name.value
        elif isinstance(node, cst.ClassDef):
            yield from qualified_names(node.body.body, f"{above}{node.name.value}.")
