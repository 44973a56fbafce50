"""Writes what to do after the first start of an installation."""

from __future__ import annotations

from src.utils.cli_command import cli_command

_LOCAL = ("127.0.0.1", "::1", "localhost")


def first_hint(url: str, host: str) -> str:
    """Return lines for the console."""
    lines = [f"Open {url}/ in your browser. The page asks for an e-mail address and a password when it needs them."]
    if host in _LOCAL:
        lines.append("Only this machine can reach it; with HOST=0.0.0.0 other devices of your network can, too.")
    lines.append(f"Make yourself the administrator afterwards: {cli_command('make-admin --email YOUR_ADDRESS')}")
    return "".join(f"  {line}\n" for line in lines)
