"""Generates ``docs/errors.md`` from the catalogue of errors: ``python -m scripts.generate.error_docs``."""

from __future__ import annotations

from pathlib import Path

from src.errors import AppError, Remedy, catalogue
from src.middleware.errors import STATUS
from src.routes.archive_codes import EVERYWHERE, OF_PATH, OF_SERVICE
from src.services.jobs.lease import HandedBack, LeaseLost

PATH = Path("docs/errors.md")
_INTERNAL: tuple[type[AppError], ...] = (LeaseLost, HandedBack)
_WHO = {
    Remedy.USER: "you: change the request or choose another video",
    Remedy.OPERATOR: "the operator of the service",
    Remedy.LATER: "no one: it is temporary, try again later",
    Remedy.DEVELOPER: "the developers: please report it",
}
_HEAD = """# Error codes

Every error of `/api/*` is `{"error": sentence, "code": CODE, "details": {}}` with the status below; other interfaces
use other formats (see the end). Codes are stable; sentences may change. A failed job keeps its code: the job's status
shows it, and so does the next request for its file. The status of that reply is 500, regardless of who can act, because
the request was valid but the file could not be produced. The service itself retries only temporary errors.

This page is generated from `src/errors/` by `make docs`.

| code | status | meaning | who can act |
|---|---|---|---|
"""

_TAIL = """
## Other formats

| interface | body of an error |
|---|---|
| streams: `/download/`, `/job/*` | `{"detail": sentence, "code": CODE}` |
| audio: `/audio_dl/*` | `{"success": false, "error": text, "code": CODE, "detail": sentence}` |
| archive: `/jobs`, `/storage/*` ... | `{"status": "error", "error": {"code", "message", "details"}, "timestamp"}` |

The archive uses other codes for some of these errors; the code above is then in `details.reason`:

| code | for | where |
|---|---|---|
"""


def page() -> str:
    """Return the page."""
    rows = [
        f"| `{code}` | {_statuses(error)} | {_sentence(error)} | {_who(error)} |"
        for code, error in sorted(catalogue().items())
        if error not in _INTERNAL and not _is_base(error)
    ]
    return _HEAD + "\n".join(rows) + "\n" + _TAIL + "\n".join(_archive_rows()) + "\n"


def _is_base(error: type[AppError]) -> bool:
    return any(child.code != error.code for child in error.__subclasses__())


def _statuses(error: type[AppError]) -> str:
    """Return the status of an error, and that of a request which is refused with the same code."""
    refusals = [STATUS[child.kind] for child in error.__subclasses__() if child.code == error.code]
    return ", ".join(map(str, [STATUS[error.kind], *refusals]))


def _archive_rows() -> list[str]:
    tables = {
        "everywhere": EVERYWHERE,
        **{f"{service} service": codes for service, codes in OF_SERVICE.items()},
        **{f"`{path}`": codes for path, codes in OF_PATH.items()},
    }
    return [
        f"| `{code}` | {', '.join(map(_name, errors))} | {where} |"
        for where, codes in tables.items()
        for code, errors in codes.items()
    ]


def _name(error: type[AppError]) -> str:
    return "any other failure of the video site" if error.__subclasses__() else f"`{error.code}`"


def _who(error: type[AppError]) -> str:
    if error.remedy is Remedy.LATER and not error.passes_soon:
        return "no one: try again later, as the message explains"
    return _WHO[error.remedy]


def _sentence(error: type[AppError]) -> str:
    return " ".join((error.__doc__ or "").split())


if __name__ == "__main__":
    PATH.write_text(page(), encoding="utf-8")
