"""Writes ``docs/errors.md`` from the catalogue of errors: ``python -m scripts.generate.error_docs``."""

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
    Remedy.LATER: "nobody: it may pass soon by itself, try again later",
    Remedy.DEVELOPER: "the developers: please report it",
}
_HEAD = """# Error codes

Every error of `/api/*` is `{"error": sentence, "code": CODE, "details": {}}` with the status below; other interfaces
have shapes of their own (at the end). Codes are stable; sentences may change. A job that failed keeps its code: the
status of the job tells it; so does the next request for its file, with 500 whoever can act: that request was right, but
what it asks for could not be made. The service itself tries again only what "may pass soon".

This page is made from `src/errors/` by `make docs`.

| code | status | meaning | who can act |
|---|---|---|---|
"""

_TAIL = """
## Other shapes

| interface | body of an error |
|---|---|
| streams: `/download/`, `/job/*` | `{"detail": sentence, "code": CODE}` |
| sound: `/audio_dl/*` | `{"success": false, "error": text, "code": CODE, "detail": sentence}` |
| archive: `/jobs`, `/storage/*` ... | `{"status": "error", "error": {"code", "message", "details"}, "timestamp"}` |

The archive has codes of its own for some of these facts, and tells ours as `details.reason`:

| code | for | where |
|---|---|---|
"""


def page() -> str:
    """Return the whole page."""
    rows = [
        f"| `{code}` | {STATUS[error.kind]} | {_sentence(error)} | {_who(error)} |"
        for code, error in sorted(catalogue().items())
        if error not in _INTERNAL and not error.__subclasses__()
    ]
    return _HEAD + "\n".join(rows) + "\n" + _TAIL + "\n".join(_archive_rows()) + "\n"


def _archive_rows() -> list[str]:
    tables = {
        "everywhere": EVERYWHERE,
        **{f"{service} service": words for service, words in OF_SERVICE.items()},
        **{f"`{path}`": words for path, words in OF_PATH.items()},
    }
    return [
        f"| `{word}` | {', '.join(map(_fact, facts))} | {where} |"
        for where, words in tables.items()
        for word, facts in words.items()
    ]


def _fact(error: type[AppError]) -> str:
    return "any other failure of the video site" if error.__subclasses__() else f"`{error.code}`"


def _who(error: type[AppError]) -> str:
    if error.remedy is Remedy.LATER and not error.passes_soon:
        return "nobody: it passes at a time of its own, try again then"
    return _WHO[error.remedy]


def _sentence(error: type[AppError]) -> str:
    return " ".join((error.__doc__ or "").split())


if __name__ == "__main__":
    PATH.write_text(page(), encoding="utf-8")
