"""A real nginx with the example configuration; only its addresses, its folders and what a test names are changed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.tools.live_service import ROOT, answers, free_port
from tests.tools.waiting import eventually

# Debian has it where only root looks.
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin") or "nginx"


@contextmanager
def nginx(folder: Path, upstream_port: int, changes: Mapping[str, str] | None = None) -> Iterator[int]:
    """The port of a proxy in front of this one; it serves the files of ``folder/files``, and logs into ``folder``."""
    port, files = free_port(), folder / "files"
    files.mkdir(exist_ok=True)
    example = (ROOT / "deploy" / "nginx.conf.example").read_text()
    for old, new in {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "    listen [::]:80;\n": "",
        "127.0.0.1:5000": f"127.0.0.1:{upstream_port}",
        "/var/log/nginx/": f"{folder}/",
        "/var/lib/yt-downloader/downloads/": f"{files}/",
        **(changes or {}),
    }.items():
        assert old in example
        example = example.replace(old, new)
    whole = folder / "nginx.conf"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    # As root, its workers would otherwise be another user's, who must not read the folder.
    user = "user root;" if os.getuid() == 0 else ""
    whole.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;"
        f"{user} events {{}} http {{ {temporary} {example} }}"
    )
    command = [NGINX, "-p", str(folder), "-c", str(whole)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False, timeout=60)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: answers(port))
        yield port
    finally:
        process.terminate()
        process.wait(timeout=60)
