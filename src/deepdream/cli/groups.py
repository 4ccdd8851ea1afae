"""Options that go together, declared once as the fields of a dataclass that a command takes as one value.

Typer reads options off a function's signature, so a command with such parameters is given one in which the fields
stand in their place.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import is_dataclass
from functools import wraps
from inspect import Parameter
from typing import Any


def grouped(command: Callable[..., Any]) -> Callable[..., Any]:
    """``command`` as Typer can read it: every parameter that is a dataclass has become the options in its fields."""
    own = parameters_of(command)
    groups: dict[str, Callable[..., Any]] = {
        name: one.annotation
        for name, one in own.items()
        if isinstance(one.annotation, type) and is_dataclass(one.annotation)
    }
    options = {name: parameters_of(group) for name, group in groups.items()}

    @wraps(command)
    def run(**given: Any) -> Any:
        for name, group in groups.items():
            given[name] = group(**{option: given.pop(option) for option in options[name]})
        return command(**given)

    flat = [options[name].values() if name in groups else (one,) for name, one in own.items()]
    return with_signature(run, [one for some in flat for one in some])


def parameters_of(command: Callable[..., Any], **unloaded: Any) -> dict[str, Parameter]:
    """The parameters of ``command``; ``unloaded`` says what names mean that are imported for types only."""
    return dict(inspect.signature(command, eval_str=True, locals=unloaded).parameters)


def with_signature(
    command: Callable[..., Any], parameters: Iterable[Parameter], **groups: type
) -> Callable[..., Any]:
    """``command``, which takes anything by name, with these ``parameters``, then ``groups``, for its signature."""
    keyword = Parameter.KEYWORD_ONLY
    own = [parameter.replace(kind=keyword) for parameter in parameters]
    own += [Parameter(name, keyword, annotation=group) for name, group in groups.items()]
    vars(command)["__signature__"] = inspect.Signature(own)
    command.__annotations__ = {}
    return command
