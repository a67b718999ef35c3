"""Keywords that only look, each written as the question that it asks.

The arguments of the assertion, what they mean, and the wait are the same for all of them and are added here, so that a getter
is its own words: name, arguments, documentation, example, question.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from robot.api.deco import keyword

from ATPLibrary.keywords.assertions import Operator

EXAMPLE = "Example:\n"
# A question's arguments before its own: self, client, seconds.
LEADING = 3

FIELD = "- ``field``: one of them, then only its value is returned. An unknown one fails and names those that are near."
ASSERTION = (
    "- ``operator`` and ``expected``: an assertion about {what}, such as ``{such}``.\n"
    "- ``timeout``: with an assertion, how long to wait for it to hold, asking again and again; without it, it is checked once. "
    "Each question takes at most ``timeouts.platform`` of the configuration (60 s)."
)
TIMEOUT = "- ``timeout``: by default ``timeouts.platform`` of the configuration (60 s)."

Question = Callable[..., Awaitable[Any]]


def getter(
    subject: str, *, name: str | None = None, tags: Sequence[str], such: str, has_fields: bool = True
) -> Callable[[Question], Callable[..., Any]]:
    """Make a getter of `async def question(self, client, seconds, ...)`: what it returns is asserted, waited for, returned.

    `subject` begins the sentences about it, its arguments in braces: "Host '{host}'". `such` is an assertion as the documentation
    shows it. Without `has_fields` it is a value or a list, which is asserted as a whole.
    """

    def make(question: Question) -> Callable[..., Any]:
        own = list(inspect.signature(question).parameters.values())[LEADING:]
        signature = _signature(own, has_fields)

        def look(self: Any, *args: Any, **named: Any) -> Any:
            given = signature.bind(self, *args, **named)
            given.apply_defaults()
            arguments = dict(list(given.arguments.items())[1:])
            timeout, expected = arguments.pop("timeout"), arguments.pop("expected")
            operator, field = arguments.pop("operator"), arguments.pop("field", None)
            return self.looked_at(
                subject.format(**{each: _told(value) for each, value in arguments.items()}),
                lambda client, seconds: question(self, client, seconds, **arguments),
                field,
                operator=operator,
                expected=expected,
                timeout=timeout,
            )

        lines = ASSERTION.format(what="that field" if has_fields else "it", such=such)
        return _keyword(look, question, signature, f"{FIELD}\n{lines}" if has_fields else lines, name=name, tags=tags)

    return make


def lister(what: str, *, name: str | None = None, tags: Sequence[str]) -> Callable[[Question], Callable[..., Any]]:
    """Make a keyword of a question that answers a list: it is counted in the log, and returned. `what` is its items' name."""

    def make(question: Question) -> Callable[..., Any]:
        own = list(inspect.signature(question).parameters.values())[LEADING:]
        timeout = _parameter("timeout", timedelta | None)
        rest = next((number for number, each in enumerate(own) if each.kind is each.KEYWORD_ONLY), len(own))
        signature = inspect.Signature([_self(), *own[:rest], timeout, *own[rest:]])

        def look(self: Any, *args: Any, **named: Any) -> list[Any]:
            given = signature.bind(self, *args, **named)
            given.apply_defaults()
            arguments = dict(list(given.arguments.items())[1:])
            told = what.format(**{each: _told(value) for each, value in arguments.items()})
            limit = arguments.pop("timeout")
            found: list[Any] = self.listed(
                told, lambda client, seconds: question(self, client, seconds, **arguments), limit
            )
            return found

        return _keyword(look, question, signature, TIMEOUT, name=name, tags=tags)

    return make


def _signature(own: Sequence[inspect.Parameter], has_fields: bool) -> inspect.Signature:
    """The question's own arguments, then the assertion's; what is given by name only comes last."""
    rest = next((number for number, each in enumerate(own) if each.kind is each.KEYWORD_ONLY), len(own))
    common = [
        *([_parameter("field", str | None)] if has_fields else []),
        _parameter("operator", Operator | None),
        _parameter("expected", Any),
    ]
    timeout = _parameter("timeout", timedelta | None).replace(kind=inspect.Parameter.KEYWORD_ONLY)
    return inspect.Signature([_self(), *own[:rest], *common, *own[rest:], timeout])


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=annotation)


def _self() -> inspect.Parameter:
    return inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _keyword(
    look: Callable[..., Any],
    question: Question,
    signature: inspect.Signature,
    lines: str,
    *,
    name: str | None,
    tags: Sequence[str],
) -> Callable[..., Any]:
    """`look` as Robot Framework, libdoc and an editor see a keyword: the question's name and words, with the added lines."""
    text = inspect.getdoc(question) or ""
    before, example, after = text.partition(EXAMPLE)
    lead = before.rstrip("\n")
    # A list of arguments goes on; without one it begins here.
    gap = "\n" if lead.rsplit("\n\n", 1)[-1].startswith("- ") else "\n\n"
    look.__doc__ = f"{lead}{gap}{lines}\n\n{example}{after}"
    look.__name__ = look.__qualname__ = getattr(question, "__name__", "")
    look.__module__ = question.__module__  # where the question's annotations, which are text, have their meaning
    look.__signature__ = signature  # type: ignore[attr-defined]  # what inspect, and so Robot Framework, reads
    look.__annotations__ = {each.name: each.annotation for each in signature.parameters.values() if each.name != "self"}
    decorated: Callable[..., Any] = keyword(name=name, tags=[*tags])(look)
    return decorated


def _told(value: Any) -> str:
    return getattr(value, "name", str(value)).lower().replace("_", " ") if hasattr(value, "name") else str(value)
