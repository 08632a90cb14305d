"""`.env.example` promises to show every setting, explained, with its default: held to it here."""

import re
import shutil
from pathlib import Path

import pytest

from checkout.settings import PREFIX, Settings, load_settings

EXAMPLE = Path(__file__).parent.parent / ".env.example"
SETTING = re.compile(rf"^(?P<default># )?(?P<variable>{PREFIX}[A-Z_]+)=(?P<value>.*)$", re.MULTILINE)


def read_example() -> str:
    return EXAMPLE.read_text(encoding="utf-8")


def given_values() -> dict[str, str]:
    return {found["variable"]: found["value"] for found in SETTING.finditer(read_example()) if not found["default"]}


def shown_defaults() -> dict[str, str]:
    return {found["variable"]: found["value"] for found in SETTING.finditer(read_example()) if found["default"]}


def required_variables() -> set[str]:
    return {f"{PREFIX}{name}".upper() for name, field in Settings.model_fields.items() if field.is_required()}


def explanation_above(variable: str) -> str:
    """The comment lines right above a setting, without their marks."""
    lines = read_example().splitlines()
    position = next(n for n, line in enumerate(lines) if line.removeprefix("# ").startswith(f"{variable}="))
    words: list[str] = []
    for line in reversed(lines[:position]):
        if not line.startswith("# ") or SETTING.match(line):
            break
        words.insert(0, line.removeprefix("# "))
    return " ".join(words)


def test_example_names_every_setting_once() -> None:
    named = [found["variable"] for found in SETTING.finditer(read_example())]
    assert sorted(named) == sorted(f"{PREFIX}{name}".upper() for name in Settings.model_fields)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_an_explanation(name: str) -> None:
    assert len(explanation_above(f"{PREFIX}{name}".upper()).split()) >= 5


def test_example_gives_exactly_the_required_settings() -> None:
    assert given_values().keys() == required_variables()


def test_copied_example_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(EXAMPLE, tmp_path / ".env")
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"{PREFIX}{name}".upper(), raising=False)
    assert load_settings().mode == "test"


def test_shown_defaults_are_the_real_ones() -> None:
    assert load_settings({**given_values(), **shown_defaults()}) == load_settings(given_values())
