"""What a folder remembers of its draft elsewhere: as which revision it was last put there. A hidden file, which belongs
to no version and holds no token."""

import json
from pathlib import Path
from typing import Any

NAME = ".galaxy-draft.json"
MOST_BYTES = 64 * 1024


class Memory:
    """The file of one folder (or of one manifest that stands alone), as far as it is of one workspace of one Galaxy."""

    def __init__(self, place: Path, url: str, workspace: str):
        self.file = place / NAME if place.is_dir() else place.with_name(f".{place.name}{NAME}")
        self._where = f"{url.rstrip('/')} {workspace}"

    def of(self, draft: str) -> tuple[int, str] | None:
        """(revision, when it was saved) of ``draft`` as this folder put it there; None where it did not."""
        row = self._read().get(self._where)
        if not isinstance(row, dict) or row.get("draft") != draft:
            return None
        return row.get("revision", 0), row.get("updated_at", "")

    def keep(self, draft: dict[str, Any]) -> bool:
        """Remember ``draft``, as the API answered it; False where nothing can be written there, or through a link."""
        if self.file.is_symlink():
            return False
        row = {"draft": draft["id"], "revision": draft["revision"], "updated_at": draft["updated_at"]}
        try:
            self.file.write_text(json.dumps(self._read() | {self._where: row}, indent=2) + "\n", encoding="utf-8")
        except OSError:
            return False
        return True

    def _read(self) -> dict[str, Any]:
        try:
            if self.file.is_symlink() or self.file.stat().st_size > MOST_BYTES:
                return {}
            found = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}
