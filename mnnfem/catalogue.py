"""The families of `geometries/` by name, and their settings as text."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import types
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from mnnfem.errors import InputError, unknown_name
from mnnfem.geometry import Geometry

FOLDER = "geometries"  # found by name, as programs and not as a room of the package
EXAMPLE = {int: "3", float: "0.5", bool: "true", str: "part.step"}


@cache
def families() -> dict[str, Callable[..., Geometry]]:
    """Name -> function: the modules with a function of their own name that makes a geometry of settings alone."""
    found: dict[str, Callable[..., Geometry]] = {}
    for module in pkgutil.iter_modules(importlib.import_module(FOLDER).__path__):
        family = getattr(importlib.import_module(f"{FOLDER}.{module.name}"), module.name, None)
        if callable(family) and get_type_hints(family).get("return") is Geometry and _settable(family):
            found[module.name] = family
    return found


def family(name: str) -> Callable[..., Geometry]:
    """The family of that name; InputError with the nearest one if there is none."""
    known = families()
    if name not in known:
        raise unknown_name("family", name, known)
    return known[name]


def settings_of(family: Callable[..., Geometry]) -> dict[str, Any]:
    """Name -> type of what can be set; arrays, which are designs and not settings, are left out."""
    types_of = get_type_hints(family)
    return {name: types_of[name] for name in inspect.signature(family).parameters if _text_can_give(types_of[name])}


def as_settings(family: Callable[..., Geometry], texts: Sequence[str]) -> dict[str, Any]:
    """Arguments for the family from "name=value"; InputError for unknown names and for values of another type."""
    known, values = settings_of(family), {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"A setting is written name=value, got {text!r}.")
        if name not in known:
            raise unknown_name("setting", name, known)
        values[name] = _value(name, value, known[name])
    needed = [name for name, at in inspect.signature(family).parameters.items() if at.default is inspect.Parameter.empty]
    for name in needed:
        if name not in values:
            raise InputError(f"{family.__name__} needs --set {name}={_example(known[name])}.")
    return values


def described(family: Callable[..., Geometry]) -> str:
    """The family's settings with their defaults, and its documentation."""
    defaults = inspect.signature(family).parameters
    lines = [
        f"  {name}" if defaults[name].default is inspect.Parameter.empty else f"  {name}={_written(defaults[name].default)}"
        for name in settings_of(family)
    ]
    return "\n".join(["settings (--set name=value)", *lines, "", inspect.cleandoc(family.__doc__ or "")])


def _value(name: str, text: str, kind: Any) -> Any:
    if kind is bool and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind is str or str in get_args(kind):
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = None if text != "None" else text
    if not _fits(value, kind):
        raise InputError(f"The setting {name!r} is written like {name}={_example(kind)}, got {text!r}.")
    return float(value) if kind is float else value


def _fits(value: Any, kind: Any) -> bool:
    inside = get_args(kind)
    if _is_choice(kind):
        return any(_fits(value, one) for one in inside)
    if kind in (int, float):
        return isinstance(value, int | float if kind is float else int) and not isinstance(value, bool)
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and len(value) == len(inside) and all(map(_fits, value, inside))
    if get_origin(kind) is Sequence:
        return isinstance(value, tuple | list) and all(_fits(one, inside[0]) for one in value)
    return kind is types.NoneType and value is None


def _example(kind: Any) -> str:
    inside = get_args(kind)
    if _is_choice(kind):
        return _example(inside[0] if str not in inside else str)
    if get_origin(kind) is tuple:
        return f"({', '.join(map(_example, inside))})"
    if get_origin(kind) is Sequence:
        return f"({_example(inside[0])},)"
    return EXAMPLE.get(kind, "...")


def _is_choice(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType)


def _text_can_give(kind: Any) -> bool:
    """Whether `_value` knows this type."""
    inside = [one for one in get_args(kind) if one is not types.NoneType]
    if _is_choice(kind):
        return str in inside or all(map(_text_can_give, inside))
    return kind in EXAMPLE or (get_origin(kind) in (tuple, Sequence) and all(map(_text_can_give, inside)))


def _settable(family: Callable[..., Geometry]) -> bool:
    known = settings_of(family)
    return all(name in known or at.default is not at.empty for name, at in inspect.signature(family).parameters.items())


def _written(default: Any) -> str:
    return str(default).lower() if isinstance(default, bool) else repr(default).replace(" ", "")
