"""What is shipped: the wheel holds all that the service reads, the lock file all that it needs."""

import re
import shutil
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hatchling.build import build_wheel
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PIN = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[^\s;]+)(?: ; [^\\]+)? \\\n(?P<hashes>(?:    --hash=.+\n)+)", re.MULTILINE
)
HASH_LINE = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]  # type: ignore[no-any-return]  # TOML is untyped.


def declared(*, extras: tuple[str, ...]) -> list[Requirement]:
    optional = [line for extra in extras for line in project()["optional-dependencies"][extra]]
    return [Requirement(line) for line in [*project()["dependencies"], *optional]]


def lock_parts() -> tuple[str, str]:
    """The lock file's two parts: what the service needs, and what only development needs."""
    service, _, development = (
        (ROOT / "requirements.lock").read_text(encoding="utf-8").partition("# Only for development")
    )
    return service, development


def pins(part: str) -> dict[str, str]:
    return {found["name"]: found["version"] for found in PIN.finditer(part)}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the wheel is made from, with a page and a script of its own."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("checkout", "templates", "static"):
        (copy / name).mkdir()
        # Git keeps no empty folder, so one of the two for pages may be missing.
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.db*")
            shutil.copytree(ROOT / name, copy / name, ignore=ignored, dirs_exist_ok=True)
    for name in ("pyproject.toml", "README.md", ".gitignore"):
        shutil.copy(ROOT / name, copy / name)
    (copy / "templates" / "nested").mkdir()
    (copy / "templates" / "nested" / "only-here.html").write_text("<p>Hello</p>")
    (copy / "static" / "only-here.js").write_text("export {};")
    return copy


@pytest.fixture(scope="module")
def shipped(source: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in the wheel that hatchling builds, offline, from the copy."""
    target = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(source)
        name = build_wheel(str(target))
    with zipfile.ZipFile(target / name) as wheel:
        return set(wheel.namelist())


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("folder", ["templates", "static"])
def test_wheel_holds_the_pages(folder: str, source: Path, shipped: set[str]) -> None:
    assert {f"checkout/{folder}/{name}" for name in files_of(source / folder)} <= shipped


def test_wheel_holds_the_whole_package(source: Path, shipped: set[str]) -> None:
    assert {f"checkout/{name}" for name in files_of(source / "checkout")} <= shipped


def test_wheel_holds_the_migrations(shipped: set[str]) -> None:
    assert any(re.fullmatch(r"checkout/migrations/versions/\w+\.py", name) for name in shipped)
    assert "checkout/migrations/env.py" in shipped


def test_wheel_holds_nothing_else(shipped: set[str]) -> None:
    assert {name.split("/")[0].split("-")[0] for name in shipped} == {"checkout", "local_checkout"}


@pytest.mark.parametrize("requirement", declared(extras=("postgres",)), ids=str)
def test_lock_pins_what_the_service_needs(requirement: Requirement) -> None:
    service, _ = lock_parts()
    assert requirement.specifier.contains(pins(service)[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("requirement", declared(extras=("dev",)), ids=str)
def test_lock_pins_what_development_needs(requirement: Requirement) -> None:
    service, development = lock_parts()
    assert requirement.specifier.contains(pins(service + development)[canonicalize_name(requirement.name)])


def test_development_tools_stay_out_of_the_service() -> None:
    service, development = lock_parts()
    assert {"mypy", "pytest", "ruff"} <= pins(development).keys()
    assert not pins(development).keys() & pins(service).keys()


def test_lock_holds_pins_and_hashes_alone() -> None:
    lines = [line for part in lock_parts() for line in PIN.sub("", part).splitlines()]
    assert not [line for line in lines if not line.startswith(("#", ","))]


def test_every_hash_of_the_lock_is_sha256() -> None:
    hashes = [line for part in lock_parts() for line in part.splitlines() if "--hash" in line]
    assert len(hashes) > 100
    assert all(HASH_LINE.fullmatch(line) for line in hashes)
