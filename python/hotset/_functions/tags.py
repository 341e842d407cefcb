"""Tags of results: names, templates over the parameters, or a function of the arguments."""

from __future__ import annotations

from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, Protocol

    from hotset._types import Tags

    class Parameters(Protocol):
        """What has to be known of a function's parameters."""

        names: list[str]
        args: str | None
        kwargs: str | None

        def bind(self, args: Sequence[object], kwargs: dict[str, object]) -> dict[str, object]: ...

    Render = Callable[[tuple[Any, ...], dict[str, Any] | None, object], Iterable[str]]


def compile_tags(function: Callable[..., Any], tags: Tags, parameters: Parameters) -> Render:
    """Return a function of a call's arguments and its result that gives the tags."""
    if callable(tags):
        return _from_callable(tags)
    if isinstance(tags, str):
        raise TypeError(f"tags={tags!r}: write a list, as in tags=[{tags!r}]")
    templates = list(tags)
    for template in templates:
        _check(function, template, parameters)
    if not any("{" in template or "}" in template for template in templates):
        return lambda _args, _kwargs, _result: templates
    return _from_templates(templates, parameters)


def _from_callable(tags: Callable[..., Iterable[str]]) -> Render:
    """A callable gets the arguments of the call, and the result if it has a parameter of that name."""
    code = getattr(tags, "__code__", None)
    wants_result = code is not None and "result" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    def render(args: tuple[Any, ...], kwargs: dict[str, Any] | None, result: object) -> Iterable[str]:
        named = dict(kwargs or {})
        if wants_result:
            named["result"] = result
        return tags(*args, **named)

    return render


def _from_templates(templates: list[str], parameters: Parameters) -> Render:
    def render(args: tuple[Any, ...], kwargs: dict[str, Any] | None, _result: object) -> Sequence[str]:
        arguments = parameters.bind(args, kwargs or {})
        return [template.format_map(arguments) for template in templates]

    return render


def _check(function: Callable[..., Any], template: object, parameters: Parameters) -> None:
    """Refuse a template with a name that is no parameter."""
    if not isinstance(template, str):
        raise TypeError(f"tags={template!r}: write names or templates, as in tags=['user:{{user_id}}']")
    known = [*parameters.names, *(name for name in (parameters.args, parameters.kwargs) if name)]
    import string

    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise ValueError(f"the tag template {template!r} is damaged: {error}") from None
    for field in fields:
        name = field.replace("[", ".").partition(".")[0]
        if name not in known:
            where = getattr(function, "__qualname__", repr(function))
            raise ValueError(
                f"the tag template {template!r} names {name!r}, but {where} has only {', '.join(known) or 'none'}"
            )
