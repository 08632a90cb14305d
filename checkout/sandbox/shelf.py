"""Where the sandbox keeps its records between restarts: one table of JSON documents.

Every part of the sandbox holds its records in memory and puts each changed one here too. Without a file
nothing is kept.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

Document = dict[str, Any]


class Shelf:
    """Write-through persistence of JSON documents by (kind, key)."""

    def __init__(self, path: Path | None) -> None:
        self._database: sqlite3.Connection | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            # A killed process loses nothing this way, only a crash of the machine might: enough for a stand-in.
            self._database.execute("PRAGMA synchronous=OFF")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS documents"
                " (kind TEXT, key TEXT, document TEXT NOT NULL, PRIMARY KEY (kind, key))"
            )

    def put(self, kind: str, key: str, document: Document) -> None:
        if self._database is not None:
            self._database.execute(
                "INSERT INTO documents VALUES (?, ?, ?)"
                " ON CONFLICT (kind, key) DO UPDATE SET document = excluded.document",
                (kind, key, json.dumps(document)),
            )

    def load(self, kind: str) -> dict[str, Document]:
        """All documents of one kind, in the order in which they were first put."""
        if self._database is None:
            return {}
        rows = self._database.execute("SELECT key, document FROM documents WHERE kind = ? ORDER BY rowid", (kind,))
        return {key: json.loads(document) for key, document in rows}

    def clear(self, kind: str) -> None:
        if self._database is not None:
            self._database.execute("DELETE FROM documents WHERE kind = ?", (kind,))

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
