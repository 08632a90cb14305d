"""The documents name what exists, and nothing that does not: codes, settings, calls, links, commands."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.routing import Mount, Route

from checkout import api, pages, webhooks
from checkout.__main__ import main
from checkout.attempts import AttemptStatus
from checkout.orders import CheckoutStatus, ItemStatus
from checkout.problems import TABLE
from checkout.sandbox import create_sandbox
from checkout.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md")))
ROUTES = [route for route in [*api.routes, *pages.routes, *webhooks.routes] if isinstance(route, Route)]
CALLS = sorted({(method, route.path) for route in ROUTES for method in (route.methods or set()) - {"HEAD"}})
SANDBOX_ROUTES = [route for route in create_sandbox().routes if isinstance(route, Route)]

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def problem_rows() -> dict[str, tuple[set[int], set[str]]]:
    """The table of problem codes in the reference: statuses and next steps by code."""
    table = text_of("docs/api.md").partition("| code | status | `next` | meaning |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([\d, ]+) \| ([`\w, ]+) \|", table, re.MULTILINE)
    return {
        code: ({int(part) for part in status.split(",")}, set(re.findall(r"\w+", step))) for code, status, step in rows
    }


def settings_rows() -> dict[str, str]:
    """The tables of settings: defaults by variable."""
    return dict(re.findall(rf"^\| `({PREFIX}[A-Z_]+)` \| (.+?) \|", text_of("docs/going-live.md"), re.MULTILINE))


def shell_blocks(page: Path) -> list[str]:
    found: list[str] = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return found


def curl_commands(page: Path) -> Iterator[str]:
    """Each curl command of a page's shell blocks, its continued lines joined."""
    for block in shell_blocks(page):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            yield from re.findall(r"curl .*?(?=\$\(curl|$)", line)


def address_of(command: str) -> tuple[str, str]:
    """The host (as a variable or an authority) and the path that a curl command calls, without query and quotes."""
    found = re.search(r"(\$URL|\$SANDBOX|\$S|http://127\.0\.0\.1:\d+)(/[^\s\"?;]*)?", command)
    assert found, f"no address in: {command}"
    return found[1], re.sub(r"\$\([^)]*\)|\$\w+", "value", found[2] or "/")


def method_of(command: str) -> str:
    named = re.search(r"-X (\w+)", command)
    return named[1] if named else "POST" if " -d " in command else "GET"


def is_call(method: str, path: str, routes: list[Route] = ROUTES) -> bool:
    return any(route.path_regex.match(path) and method in (route.methods or set()) for route in routes)


def test_every_problem_code_stands_in_the_reference() -> None:
    assert problem_rows().keys() == {error.code for error in TABLE}


@pytest.mark.parametrize("error", TABLE, ids=lambda error: error.__name__)
def test_reference_tells_status_and_next_step_of_each_error(error: type) -> None:
    row, (statuses, steps) = TABLE[error], problem_rows()[error.code]  # type: ignore[attr-defined]  # The table's keys.
    assert (row.status in statuses, row.next in steps) == (True, True)


def test_reference_tells_no_status_that_no_error_has() -> None:
    told = {(code, status) for code, (statuses, _) in problem_rows().items() for status in statuses}
    assert told == {(error.code, row.status) for error, row in TABLE.items()}


def test_every_setting_stands_in_the_guide() -> None:
    assert settings_rows().keys() == {f"{PREFIX}{name}".upper() for name in Settings.model_fields}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_guide_tells_the_default_of_each_number(name: str) -> None:
    field = Settings.model_fields[name]
    if field.is_required():
        assert settings_rows()[f"{PREFIX}{name}".upper()] == "needed"
    if isinstance(field.default, int | float) and not isinstance(field.default, bool):
        assert float(settings_rows()[f"{PREFIX}{name}".upper()]) == field.default


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_stands_in_the_reference(method: str, path: str) -> None:
    public = re.sub(r"\{\w+_id\}", "{id}", path)
    assert re.search(rf"(^### |`){method} {re.escape(public)}(`|$)", text_of("docs/api.md"), re.MULTILINE)


def test_every_mount_stands_in_the_reference() -> None:
    mounts = [route.path for route in pages.routes if isinstance(route, Mount)]
    assert all(f"`GET {path}`" in text_of("docs/api.md") for path in mounts)


def test_reference_names_no_call_that_does_not_exist() -> None:
    named = re.findall(r"^### (\w+) (\S+)$", text_of("docs/api.md"), re.MULTILINE)
    assert len(named) >= 12
    assert [call for call in named if not is_call(call[0], call[1].replace("{id}", "value"))] == []


@each_page
def test_every_curl_command_calls_something_that_exists(page: Path) -> None:
    for command in curl_commands(page):
        host, path = address_of(command)
        if host == "$S":  # The sandbox's page writes its controls relative to their common path.
            path = f"/_sandbox{path}".removesuffix("/")
        assert is_call(method_of(command), path, ROUTES if host == "$URL" else SANDBOX_ROUTES), command


@each_page
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text(encoding="utf-8")):
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), target
        assert not anchor or anchor in anchors_of(there), anchor


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_commands_named_are_commands(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    subcommands = set(re.findall(r"(?:`|bin/)checkout ([a-z]+)|^checkout ([a-z]+) --", text, re.MULTILINE))
    names = {"".join(found) for found in subcommands}
    assert names <= main.commands.keys()
    targets = set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))
    assert targets <= set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))


def test_options_of_the_readme_are_options() -> None:
    known = {name for command in main.commands.values() for option in command.params for name in option.opts}
    used = set(re.findall(r"checkout (?:try|serve|demo)[^`\n]*?(--[a-z-]+)", text_of("README.md")))
    assert used
    assert used - {"--help"} <= known


def test_readme_fits_a_newcomer() -> None:
    assert len(text_of("README.md").splitlines()) < 200


def test_map_names_parts_that_exist() -> None:
    section = text_of("docs/design-notes.md").partition("## Where things are")[2]
    rows = re.findall(r"^\| (`.+?`) \|", section.partition("\n## ")[0], re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert len(named) >= 20
    assert named <= {path.stem for path in (ROOT / "checkout").iterdir()}


def test_modules_explained_in_the_notes_exist() -> None:
    table = text_of("docs/design-notes.md").partition("| module | what it is for")[2].partition("\n\n")[0]
    named = set(re.findall(r"^\| (?:`\w+`, )?`(\w+)`", table, re.MULTILINE))
    assert len(named) >= 12
    assert named <= {path.stem for path in (ROOT / "checkout").iterdir()}


@pytest.mark.parametrize("status", AttemptStatus)
def test_every_status_of_an_attempt_is_explained(status: AttemptStatus) -> None:
    assert re.search(rf"^\| [^|]*`{status}`", text_of("docs/placing.md"), re.MULTILINE)


@pytest.mark.parametrize("status", [*CheckoutStatus, *ItemStatus])
def test_every_public_status_stands_in_the_reference(status: str) -> None:
    assert f"`{status}`" in text_of("docs/api.md")


def test_operators_are_told_of_every_warning_and_of_nothing_else() -> None:
    told = {
        name
        for row in re.findall(r"^\| log lines? (.+?) \|", text_of("docs/placing.md"), re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "checkout").rglob("*.py"))
    loud = set(re.findall(r'log\.(?:warning|error|exception)\(\s*"(\w+)"', code))
    assert len(loud) >= 8
    assert sorted(loud - told) == []
    assert [name for name in sorted(told) if f'"{name}"' not in code] == []


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    wanted = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    names = {re.split(r"[\[<>=~ ]", line)[0].lower() for line in wanted}
    reasons = set(re.findall(r"\*\*([\w-]+)\*\*", text_of("docs/design-notes.md")))
    assert names <= reasons


@each_page
def test_pages_name_no_path_of_a_machine(page: Path) -> None:
    assert not re.search(r"(?<![\w.])/(home|root|work|Users)/", page.read_text(encoding="utf-8"))
