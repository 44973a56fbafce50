"""Names of files as strangers send them: made harmless to show and to offer for download, never used as a path."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

MAX_CHARACTERS = 150
MAX_BYTES = 200  # of the 255 that file systems keep in UTF-8: callers and their programs add something of their own
MAX_FOLDERS = 8
_SEPARATORS = {"/", "\\", ":", "*", "?", '"', "<", ">", "|"}


def display_name(filename: str) -> str:
    """Return the last part of a sent name without control, separator and direction characters; at most 150 characters,
    and 200 bytes.

    Letters of all scripts stay. An empty result becomes ``video``.
    """
    last = filename.replace("\\", "/").rsplit("/", 1)[-1]
    kept = (
        "".join(
            char
            for char in unicodedata.normalize("NFC", last.encode("utf-8", "ignore").decode("utf-8", "ignore"))
            if char not in _SEPARATORS and unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        )
        .strip(" ")
        .rstrip(" .")
    )
    stem, dot, suffix = kept.rpartition(".")
    if dot and len(suffix) <= 10:
        return f"{_short(stem.strip(' .') or 'video', beside=f'.{suffix}')}.{suffix}"
    return _short(kept) or "video"


def _short(text: str, beside: str = "") -> str:
    """As much of a text as a name may have with what stands ``beside`` it. No character is cut in two."""
    room = MAX_BYTES - len(beside.encode())
    return text[: MAX_CHARACTERS - len(beside)].encode()[:room].decode("utf-8", "ignore").rstrip(" ")


def name_after(title: str, rest: str) -> str:
    """The name of a file that is called after a title: ``AC_DC live [id].mp4``. A slash of a title is no folder's."""
    return display_name(title.replace("/", "_").replace("\\", "_") + rest)


def told_folder(path: str) -> str:
    """A folder as a stranger names it, made harmless to repeat: ``/downloads/music``. It leads to no place here."""
    parts = [part for part in path.replace("\\", "/").split("/") if part.strip(" .")]
    return "/" + "/".join(display_name(part) for part in parts[:MAX_FOLDERS])


def content_disposition(name: str) -> str:
    """``Content-Disposition`` after RFC 6266: a plain name for all, and the true one in UTF-8 where it differs."""
    plain = "".join(char if 32 <= ord(char) < 127 and char not in '"\\%' else "_" for char in name)
    header = f'attachment; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name, safe='')}"
