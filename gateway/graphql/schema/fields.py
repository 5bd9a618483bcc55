"""Decorators of resolvers: the docstring of a resolver is the description of its field."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import strawberry

Resolver = TypeVar("Resolver", bound=Callable[..., Any])
_Decorator = Callable[[Resolver], Resolver]


def field(resolver: Resolver) -> Resolver:
    """Make a field of a resolver."""
    return _made(strawberry.field, resolver)


def field_named(name: str) -> Callable[[Resolver], Resolver]:
    """Make a field of a resolver whose name is a word of Python, as `break` is."""
    return lambda resolver: _made(strawberry.field, resolver, name=name)


def mutation(resolver: Resolver) -> Resolver:
    """Make a mutation of a resolver."""
    return _made(strawberry.mutation, resolver)


def subscription(resolver: Resolver) -> Resolver:
    """Make a subscription of a resolver."""
    return _made(strawberry.subscription, resolver)


def _made(kind: Callable[..., Any], resolver: Resolver, **arguments: str) -> Resolver:
    description = " ".join(inspect.getdoc(resolver).split())  # type: ignore[union-attr]
    return cast("Resolver", kind(resolver=resolver, description=description, **arguments))
