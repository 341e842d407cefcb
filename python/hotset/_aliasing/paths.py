"""Paths inside a value, as one writes them: ``value["items"][3].owner``.

They are built while walking, cheaply, and written only for a message. A step is a function that writes it, and what it
writes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

#: The path to what holds it, how the last step is written, and its label; None is the value itself.
Path: TypeAlias = "tuple[Path, Callable[[Any], str], Any] | None"

#: Keys are shown up to this length; a longer text is rather a secret than a name.
SHOWN_CHARACTERS = 40


def item(key: object) -> str:
    """Step to what is at an index or under a key. Keys that are neither numbers nor short texts show their type."""
    if type(key) is str and len(key) <= SHOWN_CHARACTERS:
        return f'["{key}"]' if key.isprintable() and '"' not in key and "\\" not in key else f"[{key!r}]"
    if key is None or type(key) in (int, bool, float):
        return f"[{key!r}]"
    return f"[<{type_name(type(key))}>]"


def attribute(name: str) -> str:
    """Step to an attribute."""
    return f".{name}"


def member(_label: object) -> str:
    """Step to something in a set."""
    return " (an element)"


def mapping_key(_label: object) -> str:
    """Step to a key itself."""
    return " (a key)"


def content(_label: object) -> str:
    """Step into what has no parts that could be named."""
    return ""


def written(path: Path) -> str:
    """Return a path as text."""
    steps: list[str] = []
    while path is not None:
        path, step, label = path
        if step is content:
            steps.clear()
        steps.append(step(label))
    return "value" + "".join(reversed(steps))


def type_name(cls: type) -> str:
    """Return the name of a class with its module, where that says something."""
    module = getattr(cls, "__module__", "builtins")
    return cls.__qualname__ if module == "builtins" else f"{module}.{cls.__qualname__}"
