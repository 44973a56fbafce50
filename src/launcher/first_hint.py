"""Says after the first start how to go on; whoever has read it once does not need it again."""

from __future__ import annotations

_LOCAL = ("127.0.0.1", "::1", "localhost")


def first_hint(url: str, host: str) -> str:
    """Return lines for the console."""
    lines = [f"Open {url}/ in your browser. The page asks for an e-mail address and a password when it needs them."]
    if host in _LOCAL:
        lines.append("Only this machine can reach it; with HOST=0.0.0.0 other devices of your network can, too.")
    lines.append("Make yourself the administrator afterwards: python -m src.cli make-admin --email YOUR_ADDRESS")
    return "".join(f"  {line}\n" for line in lines)
