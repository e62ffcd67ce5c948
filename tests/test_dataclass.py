"""Our `dataclass` makes the same classes as the standard library; only the time when methods are compiled differs."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import asdict, field, fields, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.dataclass import dataclass as late

if TYPE_CHECKING:
    from collections.abc import Callable


def _classes(decorator: Any) -> Any:
    """One class of each kind that the package has, made by `decorator`."""

    @decorator(frozen=True, slots=True)
    class Value:
        """A value."""

        name: str
        size: int = 1
        labels: tuple[str, ...] = field(default=(), compare=False)
        places: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    @decorator(frozen=True, slots=True)
    class More(Value):  # type: ignore[misc, valid-type]
        """A value with one part more."""

        more: str = ""

    @decorator(frozen=True, slots=True, kw_only=True)
    class Named:
        """A value whose parts are named."""

        name: str
        first: str = field(init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "first", self.name[0])

    @decorator(frozen=True, slots=True)
    class Hashed:
        """A value with a hash of its own."""

        name: str

        def __hash__(self) -> int:
            return 7

        def __repr__(self) -> str:
            return "hashed"

    @decorator(frozen=True, slots=True)
    class Nothing:
        """A value without parts."""

    @decorator(frozen=True, slots=True, order=True)
    class Ordered:
        """A value with an order."""

        size: int

    @decorator(frozen=True, slots=True, eq=False)
    class Itself:
        """A value that is equal to nothing else."""

        name: str

    @decorator(frozen=True, slots=True)
    class Absent:
        """A value with the names that a compiled method may use itself."""

        absent: str = "x"
        default_absent: list[str] = field(default_factory=list)

    @decorator(slots=True)
    class Changing:
        """Something that changes."""

        name: str
        parts: list[str] = field(default_factory=list)

    every = (Value, More, Named, Hashed, Nothing, Ordered, Itself, Absent, Changing)
    return SimpleNamespace(**{cls.__name__: cls for cls in every})


def _matched(value: Any, cls: type) -> tuple[object, ...]:
    match value:
        case cls(name, size):  # type: ignore[misc]
            return name, size
    return ()


def _after(change: Callable[[Any], object], value: Any) -> Any:
    change(value)
    return value


SAME: dict[str, Callable[[Any], object]] = {
    "defaults": lambda of: of.Value("web"),
    "every value": lambda of: of.Value("web", 2, labels=("a",), places={"b": 1}),
    "values by name": lambda of: of.Value(name="web", size=3),
    "an inherited class": lambda of: of.More("web", more="x"),
    "a value that __post_init__ sets": lambda of: of.Named(name="web"),
    "a repr of its own": lambda of: of.Hashed("web"),
    "odd names": lambda of: of.Absent(),
    "no fields": lambda of: of.Nothing(),
    "a mutable class": lambda of: of.Changing("web", ["a"]),
    "a default is made for each": lambda of: of.Value("web").places is of.Value("web").places,
    "replaced": lambda of: replace(of.Value("web"), size=5),
    "as a dictionary": lambda of: asdict(of.More("web")),
    "the fields": lambda of: [part.name for part in fields(of.More)],
    "matched": lambda of: _matched(of.Value("web"), of.Value),
    "the docstring": lambda of: of.Value.__doc__,
    "equal but for what is not compared": lambda of: of.Value("web") == of.Value("web", labels=("a",)),
    "unequal": lambda of: of.Value("web") == of.Value("web", 2),
    "unequal to an inherited class": lambda of: of.Value("web") == of.More("web"),
    "unequal to another type": lambda of: of.Value("web") != "web",
    "equal without fields": lambda of: of.Nothing() == of.Nothing(),
    "equal to itself only": lambda of: of.Itself("web") == of.Itself("web"),
    "equal and mutable": lambda of: of.Changing("web") == of.Changing("web"),
    "ordered": lambda of: of.Ordered(1) < of.Ordered(2),
    "in a set": lambda of: len({of.Value("web"), of.Value("web", labels=("a",)), of.Value("api")}),
    "in a set, equal to itself only": lambda of: len({of.Itself("web"), of.Itself("web")}),
    "the hash": lambda of: hash(of.Value("web")),
    "a hash of its own": lambda of: hash(of.Hashed("web")),
    "the hash of no fields": lambda of: hash(of.Nothing()),
    "copied": lambda of: copy.copy(of.Value("web", 2)),
    "copied deeply": lambda of: copy.deepcopy(of.More("web", places={"a": 1})),
    "copied with a value that __post_init__ sets": lambda of: copy.copy(of.Named(name="web")),
    "copied and mutable": lambda of: copy.copy(of.Changing("web", ["a"])),
    "changed": lambda of: _after(lambda value: setattr(value, "name", "api"), of.Changing("web")),
    "set past the class": lambda of: _after(lambda value: object.__setattr__(value, "size", 9), of.Value("web")),
}
REFUSED: dict[str, Callable[[Any], object]] = {
    "a missing argument": lambda of: of.Value(),
    "an unknown argument": lambda of: of.Value("web", wrong=1),
    "too many arguments": lambda of: of.Value("web", 1, (), {}, 5),
    "an argument without its name": lambda of: of.Named("web"),
    "the hash of a mutable class": lambda of: hash(of.Changing("web")),
    "a changed field": lambda of: setattr(of.Value("web"), "name", "api"),
    "a deleted field": lambda of: delattr(of.Value("web"), "name"),
    "an unknown field": lambda of: setattr(of.Changing("web"), "other", "api"),
    "an order": lambda of: of.Value("web") < of.Value("api"),
}


@pytest.mark.parametrize("act", SAME.values(), ids=SAME)
def test_as_in_the_standard_library(act: Callable[[Any], object]) -> None:
    standard, ours = _classes(dataclasses.dataclass), _classes(late)
    for _ in range(2):  # the first call compiles
        assert repr(act(ours)) == repr(act(standard))


@pytest.mark.parametrize("act", REFUSED.values(), ids=REFUSED)
def test_refused_as_in_the_standard_library(act: Callable[[Any], object]) -> None:
    standard, ours = _classes(dataclasses.dataclass), _classes(late)
    with pytest.raises((TypeError, AttributeError)) as expected:
        act(standard)
    for _ in range(2):
        with pytest.raises(expected.type):
            act(ours)


def test_a_method_is_compiled_when_it_is_first_called() -> None:
    cls = _classes(late).Value
    methods = ("__init__", "__eq__", "__hash__")
    before = [vars(cls)[name] for name in methods]
    assert hash(cls("web")) == hash(cls("web"))
    used = [name for name, method in zip(methods, before, strict=True) if vars(cls)[name] is not method]
    assert used == ["__init__", "__hash__"]
