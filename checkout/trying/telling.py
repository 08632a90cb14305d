"""Tells a purchase to a person at a terminal: what was sent, what came back, how it ended."""

import json
import re
import shutil
import textwrap
from collections.abc import Mapping
from typing import Any

import click

from checkout import terminal

NEXT = {
    "retry": "try again",
    "fix": "correct what is named above",
    "new_card": "use another card (--card)",
    "accept_total": "accept the new total",
    "choose_store": "choose another store (--store, --near) or cart (--upc, --quantity)",
    "restart": "start over with a new checkout",
    "wait": "wait, and look again later",
    "contact": "ask whoever runs the service",
    "stop": "nothing; this will not work",
}
_INDENT = " " * 31  # Where the values stand.
_NARROWEST = 60
SECRET = re.compile(r"\b((?:cpk|csk|pk|sk)_(?:test|live)_|(?:ct|ot|ol)_|seti_\w+?_secret_)([\w-]{4})[\w-]+")


def shorten(text: str) -> str:
    """The text with every key, token and client secret cut to its first letters."""
    return SECRET.sub(r"\1\2...", text)


def spell_money(value: object) -> object:
    """The same JSON value with each money object in it as text, so that a line has room for several."""
    if isinstance(value, dict):
        is_money = value.keys() == {"amount", "currency"}
        return format_money(value) if is_money else {name: spell_money(inner) for name, inner in value.items()}
    return [spell_money(inner) for inner in value] if isinstance(value, list) else value


def spell(value: object) -> str:
    """The value on one line, free of secrets; JSON unless it is text."""
    plain = spell_money(value)
    return shorten(plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False))


def compact(value: object, width: int = 110) -> str:
    text = spell(value)
    return text if len(text) <= width else text[: width - 3] + "..."


def wrap(text: str, width: int, most_lines: int = 6) -> list[str]:
    """The text on lines of this width, cut only where it would fill the screen."""
    lines = textwrap.wrap(text, width, break_on_hyphens=False) or [""]
    if len(lines) > most_lines:
        return [*lines[: most_lines - 1], f"{lines[most_lines - 1][: width - 4]} ..."]
    return lines


def format_money(money: Mapping[str, Any] | None) -> str:
    return "unknown" if money is None else terminal.format_money(money)


def describe_store(store: Mapping[str, Any]) -> str:
    distance = store["distance"]
    away = f"{distance['value']} {distance['unit']} away, " if distance else ""
    return f"{store['id']} {store['name']} ({away}{', '.join(store['paths'])})"


class Narrator:
    """Prints the story, or nothing if quiet; click drops the colours where the output is no terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._number = 0
        self._width = max(_NARROWEST, shutil.get_terminal_size().columns)

    def note(self, text: str) -> None:
        first, *more = wrap(text, self._width - 5)
        self._say("\n".join([f"   > {first}", *(f"     {line}" for line in more)]), fg="cyan")

    def request(self, title: str, line: str, sent: Mapping[str, object]) -> None:
        self._number += 1
        self._say(f"\n{self._number}. {title}", bold=True)
        self._say(f"   {line}")
        self._rows("sent", sent)

    def answer(self, status: int, ms: float, answered: Mapping[str, object]) -> None:
        self._say(f"   {status} after {ms:.0f} ms", fg="green" if status < 400 else "red")
        self._rows("answered", answered)

    def problem(self, problem: Mapping[str, Any]) -> None:
        """A problem document, on standard error."""
        title = str(problem.get("title") or problem.get("code"))
        self._say("", err=True)
        self._explain(f"No order: {title}", indent=0, fg="red", bold=True)
        detail = str(problem.get("detail") or "")
        if detail.rstrip(".") != title.rstrip("."):
            self._explain(detail)
        for error in problem.get("errors") or []:
            self._explain(f"{error.get('pointer') or '/'}: {error.get('detail') or error.get('code')}")
        what_next = problem.get("next") or ""
        self._explain(f"Next: {NEXT.get(what_next, what_next)} ({problem.get('code')})")

    def _explain(self, text: str, *, indent: int = 3, **style: Any) -> None:
        if text:
            lines = wrap(text, self._width - indent)
            self._say(textwrap.indent("\n".join(lines), " " * indent), err=True, **style)

    def box(self, rows: Mapping[str, object]) -> None:
        lines = [f"{name:<10} {value}" for name, value in rows.items()]
        width = max(map(len, lines))
        rule = "+" + "-" * (width + 2) + "+"
        self._say("\n" + "\n".join([rule, *(f"| {line:<{width}} |" for line in lines), rule]), fg="green")

    def link(self, text: str, url: str) -> None:
        """An address, never broken: it has to be clicked or copied as it is."""
        self._say(f"\n{text}\n{url}")

    def _rows(self, label: str, values: Mapping[str, object]) -> None:
        for name, value in values.items():
            first, *more = wrap(spell(value), self._width - len(_INDENT))
            self._say(f"   {label:<9} {name:<17} {first}")
            for line in more:
                self._say(_INDENT + line)
            label = ""

    def _say(self, text: str, *, err: bool = False, **style: Any) -> None:
        if not self._quiet:
            click.echo(click.style(text, **style), err=err)
