"""Typed Ray actors: `start_actor(Class, ...)`, and `remote(actor, Class.method, ...)` with the types of the method."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

import ray
from ray import ObjectRef
from ray.actor import ActorHandle

Actor = TypeVar("Actor")
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Method = Callable[Concatenate[Actor, Parameters], Result]
"""A method, as an attribute of its class."""
AsyncMethod = Callable[Concatenate[Actor, Parameters], Coroutine[Any, Any, Result]]


def start_actor(kind: type[Actor], *args: object, **options: object) -> ActorHandle[Actor]:
    """Start an actor with these arguments of its constructor, and Ray's options such as `num_cpus`."""
    actor: Any = ray.remote(kind)
    handle: ActorHandle[Actor] = actor.options(**options).remote(*args)
    return handle


@overload
def remote(
    actor: ActorHandle[Actor],
    method: AsyncMethod[Actor, Parameters, Result],
    *args: Parameters.args,
    **keywords: Parameters.kwargs,
) -> ObjectRef[Result]: ...
@overload
def remote(
    actor: ActorHandle[Actor],
    method: Method[Actor, Parameters, Result],
    *args: Parameters.args,
    **keywords: Parameters.kwargs,
) -> ObjectRef[Result]: ...
def remote(
    actor: ActorHandle[Actor], method: Callable[..., object], *args: object, **keywords: object
) -> ObjectRef[Any]:
    """Call a method of an actor with these arguments, and return a reference to its result."""
    reference: ObjectRef[Any] = getattr(actor, method.__name__).remote(*args, **keywords)
    return reference
