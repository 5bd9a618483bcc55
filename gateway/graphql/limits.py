"""What a document may ask for, checked before validation and before anything is executed.

The checks take time in proportion to the text. GraphQL's own validation does not: it compares every two fields with one
name, and follows fragments that spread each other. So the tokens and their nesting are counted before parsing; then one
walk expands the fragments, and ends after STEPS_MAX selections, whatever the fragments multiply to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSyntaxError,
    GraphQLUnionType,
    InlineFragmentNode,
    IntValueNode,
    Lexer,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    Source,
    TokenKind,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from gateway.graphql.errors import ErrorCode, GatewayError
from gateway.graphql.pages import FIRST_MAX

TOKENS_MAX = 1_000
NESTING_MAX = 64
"""Brackets that are open at once. The parser calls itself for each."""
STEPS_MAX = 2_000
"""Selections, where each fragment counts as often as it is spread."""
FRAGMENTS_MAX = 50
"""Definitions of fragments: validation compares every two."""
REPEATED_MAX = 50
"""Fields that repeat one of the same path: validation compares every two. Fragments may overlap this much."""
UNKNOWN_MAX = 5
"""Fields that the schema does not have, for validation to name: it reads the whole document for each."""
DEPTH_MAX = 12
ALIASES_MAX = 15
ROOTS_MAX = 8
COST_MAX = 2_000
"""Objects in the answer."""
MUTATION_COST = 10
ASSUMED = 3
"""Objects of a list that takes no `first`, as the installments of an obligation."""

WEIGHTS: Mapping[tuple[str, str], int] = {
    # Each asks a worker, or MongoDB, for its own object alone.
    ("Break", "explanation"): 50,
    ("Break", "proposals"): 50,
    ("Break", "history"): 50,
    ("Payment", "history"): 50,
    ("Obligation", "history"): 50,
    ("Obligation", "timeZone"): 50,
    ("Payout", "history"): 50,
    ("Payout", "lineItems"): 50,
    ("BankEntry", "booked"): 50,
    ("Query", "overview"): 100,
    ("Query", "ageing"): 100,
    ("Query", "health"): 100,
    ("Query", "deadLetters"): 50,
    ("Query", "search"): 50,
    ("Query", "forecast"): 50,
    ("Property", "ageing"): 20,
    ("Property", "late"): 20,
}
"""What a field costs besides its objects."""
COUNT_COST = 20
"""The cost of each `count` of a connection."""

_OPENING = frozenset({TokenKind.BRACE_L, TokenKind.PAREN_L, TokenKind.BRACKET_L})
_CLOSING = frozenset({TokenKind.BRACE_R, TokenKind.PAREN_R, TokenKind.BRACKET_R})
_INTROSPECTION = frozenset({"__schema", "__type"})


def refused(limit: str, most: int, message: str) -> GatewayError:
    """Give the error of a limit that is exceeded."""
    return GatewayError(ErrorCode.LIMIT_EXCEEDED, f"{message}; {most} is the most", limit=limit, max=most)


def check_text(text: str) -> None:
    """Check the tokens of a document and their nesting, so that it can be parsed and validated safely.

    Raises:
        GatewayError: a limit is exceeded, or a token is malformed.

    """
    lexer = Lexer(Source(text))
    tokens = nesting = 0
    try:
        while (token := lexer.advance()).kind is not TokenKind.EOF:
            tokens += 1
            if tokens > TOKENS_MAX:
                raise refused("tokens", TOKENS_MAX, "the document has too many tokens")
            if token.kind in _OPENING:
                nesting += 1
                if nesting > NESTING_MAX:
                    raise refused("nesting", NESTING_MAX, "the document nests too many brackets")
            elif token.kind in _CLOSING:
                nesting -= 1
    except GraphQLSyntaxError as error:
        raise GatewayError(ErrorCode.INVALID_DOCUMENT, error.message) from None


@dataclass(slots=True)
class Measures:
    """What a document asks for."""

    depth: int = 0
    aliases: int = 0
    roots: int = 0
    repeated: int = 0
    steps: int = 0
    cost: int = 0
    unknown: int = 0
    """Fields that the schema does not have."""
    introspects: bool = False


def measure(document: DocumentNode, schema: GraphQLSchema, variables: Mapping[str, Any] | None = None) -> Measures:
    """Measure a document with one operation.

    Args:
        document: what was parsed. It need not be valid: what the schema does not have counts, and costs nothing.
        schema: the schema.
        variables: those that the request gives.

    Raises:
        GatewayError: a limit of its form is exceeded, or it is no document with one operation.

    """
    operations: list[OperationDefinitionNode] = []
    fragments: dict[str, FragmentDefinitionNode] = {}
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            operations.append(definition)
        elif isinstance(definition, FragmentDefinitionNode):
            fragments[definition.name.value] = definition
        else:
            raise GatewayError(ErrorCode.INVALID_DOCUMENT, "a document has one operation and its fragments")
    if len(operations) != 1:
        raise GatewayError(ErrorCode.INVALID_DOCUMENT, f"the document has {len(operations)} operations instead of one")
    if len(fragments) > FRAGMENTS_MAX:
        raise refused("fragments", FRAGMENTS_MAX, f"the document has {len(fragments)} fragments")
    return _Walk(schema, fragments, _values(operations[0], variables or {})).measured(operations[0])


def check(found: Measures, operation: OperationType, *, may_introspect: bool) -> None:
    """Check what a document asks for.

    Raises:
        GatewayError: a limit is exceeded.

    """
    if found.introspects and not may_introspect:
        raise GatewayError(
            ErrorCode.LIMIT_EXCEEDED, "introspection is off; docs/schema.graphql is the schema", limit="introspection"
        )
    if found.unknown > UNKNOWN_MAX:
        raise GatewayError(
            ErrorCode.INVALID_DOCUMENT, f"the document has {found.unknown} fields that the schema does not have"
        )
    roots_max = 1 if operation is OperationType.MUTATION else ROOTS_MAX
    for limit, value, most, message in (
        ("depth", found.depth, DEPTH_MAX, f"the document is {found.depth} levels deep"),
        ("aliases", found.aliases, ALIASES_MAX, f"the document has {found.aliases} aliases"),
        ("roots", found.roots, roots_max, f"the operation has {found.roots} fields"),
        ("repeated", found.repeated, REPEATED_MAX, f"{found.repeated} fields of the document repeat others"),
        ("cost", found.cost, COST_MAX, f"the document costs {found.cost}: ask for shorter or fewer lists"),
    ):
        if value > most:
            raise refused(limit, most, message)


@dataclass(slots=True)
class _Place:
    """A response path: the names below it, for counting repetitions."""

    below: dict[str, "_Place"] = field(default_factory=dict)


class _Walk:
    """Walks an operation, and then the fragments that nothing spreads, since validation reads those too."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], values: Mapping[str, Any]
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._values = values
        self._found = Measures()
        self._spreading: list[str] = []
        self._spread_once: set[str] = set()

    def measured(self, operation: OperationDefinitionNode) -> Measures:
        root = self._schema.get_root_type(operation.operation)
        self._found.cost = self._selections(operation.selection_set, root, _Place(), 1, None)
        if operation.operation is OperationType.MUTATION:
            self._found.cost += MUTATION_COST * self._found.roots
        aliases = self._found.aliases
        for name in self._fragments.keys() - self._spread_once:
            self._spread(name, _Place(), 2, None)
        self._found.aliases = aliases  # a fragment that nothing spreads is validated, and not executed
        return self._found

    def _selections(
        self, selections: SelectionSetNode, on: GraphQLNamedType | None, place: _Place, depth: int, page: int | None
    ) -> int:
        """Walk the selections of an object. Returns what they cost.

        Args:
            selections: the selections.
            on: the type of the object; None where the schema has none.
            place: the response path of the object.
            depth: that of these selections; 1 for those of the operation.
            page: the `first` of the connection that the object is; None if it is none.

        """
        cost = 0
        for selection in selections.selections:
            self._found.steps += 1
            if self._found.steps > STEPS_MAX:
                raise refused("steps", STEPS_MAX, "the document has too many fields, with its fragments expanded")
            if isinstance(selection, FieldNode):
                cost += self._field(selection, on, place, depth, page)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                narrowed = on if condition is None else self._schema.get_type(condition.name.value)
                cost += self._selections(selection.selection_set, narrowed, place, depth, page)
            elif isinstance(selection, FragmentSpreadNode):
                cost += self._spread(selection.name.value, place, depth, page)
        return cost

    def _spread(self, name: str, place: _Place, depth: int, page: int | None) -> int:
        fragment = self._fragments.get(name)
        if fragment is None:
            return 0
        if name in self._spreading:
            raise GatewayError(ErrorCode.INVALID_DOCUMENT, "fragments of the document spread each other in a circle")
        self._spread_once.add(name)
        self._spreading.append(name)
        on = self._schema.get_type(fragment.type_condition.name.value)
        cost = self._selections(fragment.selection_set, on, place, depth, page)
        self._spreading.pop()
        return cost

    def _field(self, node: FieldNode, on: GraphQLNamedType | None, place: _Place, depth: int, page: int | None) -> int:
        name, found = node.name.value, self._found
        found.depth = max(found.depth, depth)
        if node.alias is not None:
            found.aliases += 1
        if depth == 1:
            found.roots += 1
        if name in _INTROSPECTION:
            found.introspects = True
        response_name = name if node.alias is None else node.alias.value
        if response_name in place.below:
            found.repeated += 1
        below = place.below.setdefault(response_name, _Place())
        # What the schema does not have will be refused by validation.
        definition = on.fields.get(name) if isinstance(on, GraphQLObjectType) else None
        if definition is None and depth > 0 and not name.startswith("__"):  # below 0 it is an introspection
            found.unknown += 1
        if node.selection_set is None and definition is None:
            return 0
        of_type = None if definition is None else get_named_type(definition.type)
        first = None if definition is None else self._first(node, definition)
        is_list = definition is not None and is_list_type(get_nullable_type(definition.type))
        inner = 0
        if node.selection_set is not None:
            # An introspection is deep by its nature; graphql-core limits it itself.
            below_depth = depth + 1 if name not in _INTROSPECTION else 2 - NESTING_MAX
            # The page of a connection is that of its edges.
            inner = self._selections(node.selection_set, of_type, below, below_depth, None if is_list else first)
        if definition is None or on is None:
            return inner
        cost = WEIGHTS.get((on.name, name), 0)
        if not isinstance(of_type, GraphQLObjectType | GraphQLUnionType):
            return cost
        if of_type.name == "Count":
            cost += COUNT_COST
        if is_list:
            size = next((each for each in (first, page) if each is not None), ASSUMED)
            return cost + size * (1 + inner)
        return cost + inner + (1 if is_resolved(definition) else 0)

    def _first(self, node: FieldNode, definition: GraphQLField) -> int | None:
        """Give the `first` of a field; None if it takes none."""
        argument = definition.args.get("first")
        if argument is None:
            return None
        value: Any = argument.default_value
        for given in node.arguments or ():
            if given.name.value != "first":
                continue
            if isinstance(given.value, IntValueNode):
                value = int(given.value.value)
            elif isinstance(given.value, VariableNode):
                value = self._values.get(given.value.name.value, value)
        # Whatever is no number, or too large, is refused later.
        return max(0, min(value, FIRST_MAX)) if isinstance(value, int) else FIRST_MAX


def is_resolved(definition: GraphQLField) -> bool:
    """Whether an object is read for itself; if not, it is a part of the object that has it, as an amount is."""
    found = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return isinstance(found, StrawberryField) and found.base_resolver is not None


def _values(operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the values of an operation's variables, as far as they are whole numbers by default."""
    values = dict(variables)
    for definition in operation.variable_definitions or ():
        default = definition.default_value
        if isinstance(default, IntValueNode):
            values.setdefault(definition.variable.name.value, int(default.value))
    return values
