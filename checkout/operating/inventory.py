"""Files of CSV on this machine, checked and written without a service.

Each function gives a document, the same as lines for people, and whether all is well.
"""

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, TextIO

from babel.numbers import is_currency

from checkout.feeds import Faults, InventoryReader, SupplyReader, write_inventory
from checkout.operating.feed_telling import tell_span

Found = tuple[dict[str, Any], list[str], bool]

_AT_ONCE = 10_000
_LIMIT_HOURS = 24.0
_LIMIT = "CHECKOUT_FEED_STALE_AFTER"


def check_feed(file: BinaryIO) -> Found:
    """An available-to-sell feed, read as the service would read it."""
    with TemporaryFile() as copy:  # The standard input cannot be read from its beginning again.
        shutil.copyfileobj(file, copy)
        reader = SupplyReader(copy)
        seen: set[tuple[str, str]] = set()
        for piece in reader.pieces(_AT_ONCE):
            for name in piece.keys() & seen:
                reader.take_back(*piece[name])
            seen.update(piece)
    facts = {**_facts(reader), "form": reader.form.value}
    return _judged(reader.faults, facts, f"Sound: {reader.rows:,} rows, {reader.quantity:,} pieces.")


def export_inventory(source: BinaryIO, target: Path, currency: str, *, force: bool) -> Found:
    """Write the documented file of a store beside `target`, then put it in its place."""
    if not is_currency(currency):
        return _refused(f"{currency} is no currency, such as USD.")
    try:
        with TemporaryFile() as copy, _beside(target) as written:
            shutil.copyfileobj(source, copy)
            reader = InventoryReader(copy, currency)
            write_inventory(reader.read(), written, currency)
            before = _rows_of(target, currency)
            if not reader.faults.count and not force and reader.rows * 2 < max(before, 1):
                return _refused(f"It has {reader.rows:,} rows, and {target} has {before:,}: --force replaces it still.")
            if not reader.faults.count:
                written.flush()
                os.fsync(written.fileno())
                Path(written.name).replace(target)
    except OSError as error:
        return _refused(f"cannot write {target}: {error.strerror}")
    return _judged(reader.faults, _facts(reader), f"{target}: {reader.rows:,} rows, {reader.quantity:,} pieces.")


def tell_age_of(file: Path, limit: float | None) -> Found:
    """How old a file is, in seconds, and whether Locally still goes by it."""
    hours = limit if limit is not None else _limit_of(os.environ, Path(".env"))
    age = max(time.time() - file.stat().st_mtime, 0.0)
    stale = age > hours * 3600
    document = {"file": str(file), "age": int(age), "limit": int(hours * 3600), "stale": stale}
    said = "PushCart is off: send a newer file" if stale else "PushCart goes by it"
    return document, [f"{file} is {tell_span(age)} old, and the limit is {hours:g} h. {said}."], not stale


@contextmanager
def _beside(target: Path) -> Iterator[TextIO]:
    """A file in the same folder, which is gone afterwards unless it took the target's place."""
    path = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
    finally:
        path.unlink(missing_ok=True)


def _rows_of(file: Path, currency: str) -> int:
    """How many sound rows a file has that may not be there."""
    if not file.is_file():
        return 0
    with file.open("rb") as found:
        return sum(1 for _ in InventoryReader(found, currency).read())


def _facts(reader: SupplyReader | InventoryReader) -> dict[str, Any]:
    return {"rows": reader.rows, "quantity": reader.quantity, "ignored_columns": list(reader.unknown_columns)}


def _judged(faults: Faults, facts: dict[str, Any], said: str) -> Found:
    if not faults.count:
        ignored = facts.get("ignored_columns")
        passed_over = [f"Columns that mean nothing here were passed over: {', '.join(ignored)}."] if ignored else []
        return {"sound": True, **facts, "fault_count": 0, "faults": []}, [said, *passed_over], True
    listed = sorted(faults.listed)
    lines = [f"checkout: {fault.place}: {fault.detail}" for fault in listed]
    more = f" The first {len(listed):,} stand above." if len(listed) < faults.count else ""
    lines.append(f"checkout: not sound: {faults.summary}; nothing was taken.{more}")
    document = {"sound": False, **facts, "fault_count": faults.count, "faults": [each._asdict() for each in listed]}
    return document, lines, False


def _refused(reason: str) -> Found:
    return {"sound": False, "refused": reason}, [f"checkout: {reason}"], False


def _limit_of(environ: Mapping[str, str], dotenv: Path) -> float:
    """The service's own limit, in hours, where one is set here."""
    from dotenv import dotenv_values

    try:
        return float(environ.get(_LIMIT) or dotenv_values(dotenv).get(_LIMIT) or _LIMIT_HOURS)
    except ValueError:
        return _LIMIT_HOURS
