"""What a piece of database work is, and what the failures around it mean; the same for both databases."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import structlog
from sqlalchemy import CursorResult, Executable
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from checkout.errors import DatabaseUnavailable, SettingsFault

T = TypeVar("T")

log = structlog.get_logger(__name__)

Values = Mapping[str, Any]
Rows = Sequence[Values]

# What a statement of ours did wrong: asking again later would not help.
_FAULTS_OF_OURS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
_DATA_EXCEPTION = "22"  # The class of the codes with which PostgreSQL refuses a value.
# Our statements are right, and somebody took a right or a table away: PostgreSQL calls that a wrong statement.
_TAKEN_AWAY = {"42501", "42P01"}


class Transaction(Protocol):
    """What a piece of work may do. Raises LostRace where a constraint of the database says no.

    Statements are made once, with parameters to fill in: making one anew costs five times as much as running it.
    With a list of values a statement runs for each of them, which is far quicker than one call each.
    A work that was refused ends there: PostgreSQL takes no further statement in the same transaction.
    """

    async def execute(self, statement: Executable, values: Values | Rows | None = None) -> CursorResult[Any]: ...


Work = Callable[[Transaction], Coroutine[Any, Any, T]]


class Database(Protocol):
    """Durable records. `write` returns once the work is committed and synced; `read` sees committed state.

    Both raise DatabaseUnavailable where the database does not answer or takes no writes.
    `is_exclusive`: no other process can be working on these records.
    """

    is_exclusive: bool

    async def open(self) -> None: ...

    async def write(self, work: Work[T]) -> T: ...

    async def read(self, work: Work[T]) -> T: ...

    async def close(self) -> None: ...


def is_storable(text: str) -> bool:
    """Whether a text that came from outside can be asked for: PostgreSQL knows no NUL and no lone surrogate."""
    return text.isprintable()


def is_unavailability(error: BaseException) -> bool:
    """Whether the database itself failed, rather than one statement."""
    if isinstance(error, DBAPIError):
        code = str(getattr(error.orig, "sqlstate", None) or "")
        is_ours = code.startswith(_DATA_EXCEPTION) or isinstance(error, _FAULTS_OF_OURS)
        return code in _TAKEN_AWAY or not is_ours
    return isinstance(error, PoolTimeoutError | OSError)


class as_unavailable:  # noqa: N801  Reads as a statement: `with as_unavailable():`.
    """Turn failures of the database itself into DatabaseUnavailable."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is not None and is_unavailability(error):
            log.warning("database_unavailable", reason=_reason(error))
            raise DatabaseUnavailable from error


class as_settings_fault:  # noqa: N801  Reads as a statement: `with as_settings_fault(name):`.
    """At the start, a database that cannot be used is a setting to mend, told in one line without its password."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, DBAPIError | PoolTimeoutError | OSError):
            line = f"CHECKOUT_DATABASE_URL: cannot use the database {self._name}: {_reason(error)}"
            raise SettingsFault((line,)) from error


def _reason(error: BaseException) -> str:
    """The first line of what the driver or the system said."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    told = str(getattr(error, "orig", None) or error).strip()
    # SQLAlchemy puts the class of the driver's error in front.
    return (told.splitlines() or [type(error).__name__])[0].rpartition("'>: ")[2]
