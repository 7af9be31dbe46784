"""Stand-ins in the judge's process for objects that stayed in the program.

What an object's own `__eq__` and the like return is not evidence: see `Remote.__eq__` and `_arithmetic`.
"""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable, Generator, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .values import About

if TYPE_CHECKING:
    from .remote import Link

NAME = "object of the program"
_TEXT_PREDICATES_NAMES = """
startswith endswith issubset issuperset isdisjoint is_integer __eq__ __ne__ __contains__ equals
"""
_TEXT_PREDICATES = frozenset(_TEXT_PREDICATES_NAMES.split())
_CHANGING_NAMES = """
append extend insert pop remove clear sort reverse update add discard popitem setdefault intersection_update
difference_update symmetric_difference_update __class__ __dict__ __doc__
"""
_CHANGING = frozenset(_CHANGING_NAMES.split())
_SPECIAL = "the sandbox's limit is that the program's own"


class CannotCross(BaseException):
    """A limit of the split between judge and program: the verdict is `sandbox_error`, whoever is right."""


class NotBelieved(TypeError):
    """The test expects data and gets an object of the program: what the object says of itself does not count."""


class Remote:
    """Stand-in for an object that stayed in the program: what a test does with it is done there."""

    def __init__(self, link: Link, number: int, about: About, name: str) -> None:
        for key, value in {"_link": link, "_number": number, "_about": about, "_name": name}.items():
            object.__setattr__(self, key, value)
        object.__setattr__(self, "_state", None)

    def __call__(self, /, *args: object, **kwargs: object) -> Any:
        return _link(self).call(self, args, kwargs, _name(self))

    def __getattribute__(self, name: str) -> Any:
        base = getattr(builtins, str(about_of(self).get("base") or ""), None)
        if name == "__class__":
            return base or Remote
        # Python looks these up on objects, not on their types.
        if name in ("__deepcopy__", "__reduce_ex__", "__mro_entries__"):
            return object.__getattribute__(self, name)
        if base is not None and name not in _CHANGING and hasattr(base, name) and not _is_named(self):
            return getattr(_data(self), name)
        if name in _TEXT_PREDICATES and not _is_named(self):
            raise NotBelieved(f"{_described(self)}, whose own {name} does not count")
        return _link(self).operate("getattr", self, name)

    def __iter__(self) -> Iterator[Any]:
        iterator = _link(self).operate("iter", self)
        return iterator if type(iterator) is Remote else iter(iterator)

    def __contains__(self, value: object) -> bool:
        about = about_of(self)
        if about.get("base") and not _has_own(self, "__contains__"):
            return value in _data(self)
        if about.get("contains") and (_is_named(self) or number_of(value) is not None):
            return bool(_link(self).operate("contains", self, value))
        return any(item is value or item == value for item in self)

    def __eq__(self, other: object) -> bool:
        """Return whether both consist of the same. A class's own `__eq__` may only say that they are not equal."""
        if self is other:
            return True
        about = about_of(self)
        if about.get("base"):
            return bool(_data(self) == (_data(other) if type(other) is Remote else other))
        if type(other) is not Remote:
            return about.get("equal") == "own" and _is_named(self) and _own_equal(self, other)
        theirs = about_of(other)
        if "own" not in (about.get("equal"), theirs.get("equal")):
            same_kind = about.get("equal") == theirs.get("equal") == "state"
            same_class = same_kind and about["class_number"] == theirs["class_number"]
            return same_class and bool(_state(self) == _state(other))
        if not (_is_named(self) or _is_named(other) or _state(self)):
            return False
        return _own_equal(self, other, believed=_alike(self, other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        if about_of(self).get("equal", "identity") == "identity":
            return hash(number_of(self))
        return int(_link(self).operate("hash", self))

    def __repr__(self) -> str:
        if _link(self).is_reporting:
            return str(about_of(self).get("text"))[:200]
        return str(_link(self).operate("repr", self))

    def __instancecheck__(self, value: object) -> bool:
        return bool(_link(self).operate("isinstance", self, value))

    def __subclasscheck__(self, kind: object) -> bool:
        return bool(_link(self).operate("issubclass", kind, self))

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
        raise CannotCross(
            f"the test derives a class from the program's {_name(self)}: {_SPECIAL} classes stay there"
        )

    def __reduce_ex__(self, protocol: object) -> str:
        raise CannotCross(f"the test pickles a {_type(self)}: {_SPECIAL} objects stay there")

    def __deepcopy__(self, memo: object) -> object:
        return _link(self).operate("deepcopy", self)

    def __exit__(self, kind: object, error: BaseException | None, trace: TracebackType | None) -> bool:
        """Ask the object, which cannot suppress the test's own failure."""
        if _ends_the_test(error):
            return False
        swallows = bool(_link(self).operate("exit", self, error))
        return swallows and not (error and _link(self).decides(error, trace))

    async def __aexit__(self, kind: object, error: BaseException | None, trace: TracebackType | None) -> bool:
        if _ends_the_test(error):
            return False
        swallows = bool(await _link(self).operate("aexit", self, error))
        return swallows and not (error and _link(self).decides(error, trace))

    def __await__(self) -> Generator[object, None, object]:
        return _link(self).awaited(self).__await__()


Remote.__name__ = NAME


def _link(remote: Remote) -> Link:
    link: Link = object.__getattribute__(remote, "_link")
    return link


def about_of(remote: Remote) -> About:
    about: About = object.__getattribute__(remote, "_about")
    return about


def _type(remote: Remote) -> str:
    return str(about_of(remote).get("type"))


def _name(remote: Remote) -> str:
    return str(object.__getattribute__(remote, "_name"))


def _ends_the_test(error: BaseException | None) -> bool:
    is_fatal = isinstance(error, BaseException) and not isinstance(error, Exception)
    return is_fatal and number_of(error) is None


def _described(remote: Remote) -> str:
    return f"the program gives an object of its own class {_type(remote)}, which the test does not name"


def _is_named(remote: Remote) -> bool:
    """Return whether the test names the object's class. If not, it expects data, and an object may be a lie."""
    return _type(remote) in _link(remote).named


def unnamed(remotes: Iterable[Remote]) -> str | None:
    """Return the class of an object that no test expects: a class of the program that the tests do not name."""
    own = (remote for remote in remotes if about_of(remote).get("is_own") and not _is_named(remote))
    return next(map(_type, own), None)


def _has_own(remote: Remote, method: str) -> bool:
    """Return whether a class that is built on data, and that the test names, overrides the data's method."""
    return _is_named(remote) and method in about_of(remote).get("own", ())


def _data(remote: Remote) -> Any:
    return _link(remote).ask("data", remote) if about_of(remote).get("base") else remote


def learn_state(remote: Remote, state: object) -> None:
    """Record what an object consists of at this moment."""
    object.__setattr__(remote, "_state", (state, _link(remote).changes))


def _state(remote: Remote) -> Any:
    """Return the state as it crossed. Ask for it again if a request since then may have changed it.

    Creating an object changes no other.
    """
    link = _link(remote)
    known = object.__getattribute__(remote, "_state")
    if known is None or known[1] != link.changes:
        known = (link.ask("state", remote), link.changes)
        object.__setattr__(remote, "_state", known)
    return known[0]


_comparing: set[tuple[int, int]] = set()


def _alike(one: Any, other: Any) -> bool:
    """Return whether two values consist of the same; objects in them are compared by their states."""
    if type(one) is not Remote or type(other) is not Remote:
        if type(one) is not type(other):
            return bool(one == other)
        if isinstance(one, list | tuple):
            return len(one) == len(other) and all(map(_alike, one, other))
        if isinstance(one, dict):
            return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
        return bool(one == other)
    pair = (id(one), id(other))
    if one is other or pair in _comparing:  # objects that refer to each other
        return True
    if about_of(one).get("class_number") != about_of(other).get("class_number"):
        return False
    _comparing.add(pair)
    try:
        return _alike(_state(one), _state(other))
    finally:
        _comparing.discard(pair)


def _own_equal(one: Remote, other: object, believed: bool = False) -> bool:
    if not (believed or _is_named(one) or (type(other) is Remote and _is_named(other))):
        return False
    if not _link(one).operate("eq", one, other):
        return False
    if believed:
        return True
    raise CannotCross(
        f"{_type(one)}.__eq__ says that objects are equal which do not consist of the same: {_SPECIAL} __eq__ is not "
        "believed"
    )


def number_of(value: object) -> int | None:
    """Return the number under which the program knows a stand-in's object; None for the judge's own values."""
    kind = type(value)
    if kind is Remote:
        return int(object.__getattribute__(value, "_number"))
    if isinstance(value, BaseException):
        remote = value.__dict__.get("_remote")
        return None if remote is None else number_of(remote)
    owner = value if isinstance(value, type) else value if "_rayboot_own" in vars(kind) else None
    number = None if owner is None else vars(owner).get("_rayboot_number")
    return number if isinstance(number, int) else None


def _arithmetic(remote: Remote, name: str, other: object, swapped: bool) -> object:
    """Return the result of an operator.

    Raise NotBelieved if the test does not name the class, and an operation with data results in data: `f(1) - 1.5` may
    be a lie.
    """
    link = _link(remote)
    if about_of(remote).get("base") and not _is_named(remote):
        pair = (other, _data(remote)) if swapped else (_data(remote), other)
        return _operator(name)(*pair)
    result = link.operate("swapped", remote, name, other) if swapped else link.operate(name, remote, other)
    if not _is_named(remote) and number_of(other) is None and number_of(result) is None:
        raise NotBelieved(f"{_described(remote)}, whose own operators do not count")
    return result


def _operator(name: str) -> Callable[..., Any]:
    return divmod if name == "divmod" else getattr(operator, name)


def _ordered(remote: Remote, name: str, other: object) -> object:
    if about_of(remote).get("base") and not _has_own(remote, f"__{name}__"):
        return _operator(name)(_data(remote), _data(other) if type(other) is Remote else other)
    if not _is_named(remote) and number_of(other) is None:
        raise NotBelieved(f"{_described(remote)}, whose own comparisons do not count")
    return _link(remote).operate(name, remote, other)


_BINARY = "add sub mul truediv floordiv mod pow matmul lshift rshift and or xor divmod"
_ORDER = "lt le gt ge"
_OTHERS = """
setattr delattr getitem setitem delitem next reversed enter anext aiter aenter neg pos invert abs round trunc floor ceil
copy dir
"""


def _methods() -> Iterator[tuple[str, Callable[..., object]]]:
    def forwarded(name: str, convert: Callable[[Any], object]) -> Callable[..., object]:
        return lambda self, *args: convert(_link(self).operate(name, self, *args))

    for name in _BINARY.split():
        plain = f"{name}_" if name in ("and", "or") else name
        yield f"__{name}__", lambda self, other, name=plain: _arithmetic(self, name, other, False)
        yield f"__r{name}__", lambda self, other, name=plain: _arithmetic(self, name, other, True)
        if name != "divmod":
            yield f"__i{name}__", lambda self, other, name=f"i{name}": _arithmetic(self, name, other, False)
    for name in _ORDER.split():
        yield f"__{name}__", lambda self, other, name=name: _ordered(self, name, other)
    for name in _OTHERS.split():
        yield f"__{name}__", forwarded(name, lambda value: value)
    for kind in (str, bytes, bool, int, float, complex):
        yield f"__{kind.__name__}__", forwarded(kind.__name__, kind)
    yield "__format__", forwarded("format", str)
    for name in ("len", "index"):
        yield f"__{name}__", forwarded(name, int)


for _key, _method in _methods():
    setattr(Remote, _key, _method)


def local_subclass(link: Link, number: int, about: About, value: object) -> object:
    """Return an object of a class built on numbers, strings or tuples: the judge's data with the program's methods."""
    base = type(value)
    remote = Remote(link, number, about, "")

    def own(name: str) -> object:
        if name in ("__str__", "__repr__", "__format__"):
            return lambda self, *args: link.operate(name.strip("_"), remote, *args)
        if not name.startswith("__"):
            return property(lambda self: link.operate("getattr", remote, name))
        return lambda self, *args: link.operate("getattr", remote, name)(*args)

    names = [str(name) for name in about.get("own", [])]
    is_named = str(about.get("type")) in link.named
    content = {name: own(name) for name in names if is_named or name in ("__str__", "__repr__", "__format__")}
    content |= {"__getattr__": lambda self, name: getattr(remote, name), "_rayboot_own": True}
    made: Any = type(str(about.get("type")), (base,), content)(value)
    made._rayboot_number = number
    return made


class _ExceptionClass(type):
    def __getattr__(cls, name: str) -> object:
        link, number = vars(cls).get("_link"), vars(cls).get("_rayboot_number")
        if link is None or number is None:
            raise AttributeError(name)
        return link.operate("getattr", cls, name)


def local_exception(link: Link, number: int, name: str, bases: tuple[type, ...]) -> type:
    """Return an exception class that the test can catch. Its instances are created by the program's class."""

    def new(cls: type[BaseException], *args: object, **kwargs: object) -> object:
        if "_rayboot_number" not in vars(cls):
            return BaseException.__new__(cls, *args)  # a class that the test derives from it
        return link.call(cls, args, kwargs, name)

    def get(self: BaseException, key: str) -> object:
        if "_remote" not in self.__dict__:
            raise AttributeError(key)
        return link.operate("getattr", self, key)

    return _ExceptionClass(
        name,
        bases or (Exception,),
        {
            "__new__": new,
            "__init__": lambda self, *args, **kwargs: None,
            "__str__": lambda self: self.__dict__.get("_text", ", ".join(map(str, self.args))),
            "__getattr__": get,
            "_link": link,
            "_rayboot_number": number,
        },
    )
