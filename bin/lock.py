"""Write `requirements.lock` anew from `pyproject.toml`: every package, exact, with the hashes of all its files.

The lock holds for Linux and macOS, Python 3.11 and later. What the service needs comes first and what only development
needs after a marker line, so that an image can install the first part alone. Call it through `make lock`; `--upgrade`
lets go of the versions that the present lock names.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
HEADER = "# Written by `make lock` from pyproject.toml; do not edit.\n"
MARKER = "# Only for development, from here on.\n"


def main(arguments: list[str]) -> None:
    """Resolve twice: with the development tools, then without; the difference is the second part."""
    with tempfile.TemporaryDirectory() as folder:
        uv = install_uv(Path(folder))
        present = LOCK.read_text() if LOCK.exists() else ""
        everything = resolve(uv, Path(folder, "everything.txt"), present, ["--all-extras", *arguments])
        service = resolve(uv, Path(folder, "service.txt"), everything, ["--extra", "postgres"])
    needed = {name_of(block) for block in blocks_of(service)}
    development = [block for block in blocks_of(everything) if name_of(block) not in needed]
    LOCK.write_text(HEADER + service + MARKER + "".join(development))
    print(f"==> Wrote {LOCK.name}: {len(needed)} packages, and {len(development)} more for development")


def install_uv(folder: Path) -> str:
    """Put the resolver into a throw-away environment: nothing else here needs it."""
    print("==> Fetching the resolver (uv) for this one run")
    subprocess.run([sys.executable, "-m", "venv", folder / "uv"], check=True)
    subprocess.run([folder / "uv/bin/python", "-m", "pip", "install", "--quiet", "uv"], check=True)
    return str(folder / "uv/bin/uv")


def resolve(uv: str, output: Path, preferred: str, arguments: list[str]) -> str:
    """Answer the pins with hashes, keeping the versions in `preferred` where they still fit."""
    print("==> Resolving", *arguments)
    output.write_text(preferred)
    command = [uv, "--no-config", "pip", "compile", "pyproject.toml", "--output-file", str(output), *arguments]
    command += ["--universal", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links", "--quiet"]
    # A folder of local builds would bring hashes that nobody else's files have.
    environment = {name: value for name, value in os.environ.items() if name != "UV_FIND_LINKS"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return output.read_text()


def blocks_of(lock: str) -> list[str]:
    """Split into one text for each package: its pin and its hashes."""
    return re.findall(r"^\S.*\n(?:[ \t]+.*\n)*", lock, re.MULTILINE)


def name_of(block: str) -> str:
    return block.partition("==")[0]


if __name__ == "__main__":
    main(sys.argv[1:])
