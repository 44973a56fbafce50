"""Makes untrusted file names safe to show and to offer for download; they are never used as paths."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

MAX_CHARACTERS = 150
MAX_BYTES = 200  # file systems allow 255 bytes of UTF-8; the rest is left for additions by clients
MAX_FOLDERS = 8
_SEPARATORS = {"/", "\\", ":", "*", "?", '"', "<", ">", "|"}


def display_name(filename: str) -> str:
    """Return the last part of a name without control, separator and direction characters.

    It has at most 150 characters and 200 bytes. Letters of all scripts stay. An empty result becomes ``video``.
    """
    last = filename.replace("\\", "/").rsplit("/", 1)[-1]
    cleaned = (
        "".join(
            char
            for char in unicodedata.normalize("NFC", last.encode("utf-8", "ignore").decode("utf-8", "ignore"))
            if char not in _SEPARATORS and unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        )
        .strip(" ")
        .rstrip(" .")
    )
    stem, dot, suffix = cleaned.rpartition(".")
    if dot and len(suffix) <= 10:
        return f"{_short(stem.strip(' .') or 'video', suffix=f'.{suffix}')}.{suffix}"
    return _short(cleaned) or "video"


def _short(text: str, suffix: str = "") -> str:
    """Return as many whole characters of a text as fit into a name with this suffix."""
    room = MAX_BYTES - len(suffix.encode())
    return text[: MAX_CHARACTERS - len(suffix)].encode()[:room].decode("utf-8", "ignore").rstrip(" ")


def name_after(title: str, rest: str) -> str:
    """Return a file name from a title, such as ``AC_DC live [id].mp4``; a slash in the title starts no folder."""
    return display_name(title.replace("/", "_").replace("\\", "_") + rest)


def display_folder(path: str) -> str:
    """Return an untrusted folder name, safe to show, such as ``/downloads/music``; it is never opened."""
    parts = [part for part in path.replace("\\", "/").split("/") if part.strip(" .")]
    return "/" + "/".join(display_name(part) for part in parts[:MAX_FOLDERS])


def content_disposition(name: str) -> str:
    """Return a ``Content-Disposition`` (RFC 6266): an ASCII name, and the true one in UTF-8 where it differs."""
    plain = re.sub(r'[^ -~]|["\\%]', "_", name)
    header = f'attachment; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name, safe='')}"
