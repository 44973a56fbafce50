"""Recommends the MongoDB that the processor can run: version 5 and later need AVX or ARMv8.2."""

from __future__ import annotations

import platform
from pathlib import Path

NEWEST, WITHOUT_AVX, BEFORE_ARM_8_2 = "mongo:8", "mongo:4.4", "mongo:4.4.18"
_OLD = "; this processor runs no newer one, and it gets no security updates any more"


def recommended_mongodb() -> str:
    """Return the image for this processor, with a remark if it is an old one."""
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        cpuinfo = ""
    image = mongodb_image(platform.machine(), cpuinfo)
    return image if image == NEWEST else image + _OLD


def mongodb_image(machine: str, cpuinfo: str) -> str:
    """Return the newest image for a processor; ``cpuinfo`` is the text of ``/proc/cpuinfo``, in which it lists itself.

    Where it does not (other systems, emulation), the newest image is assumed to run. MongoDB 4.4.19 and later need
    ARMv8.2 as well: https://www.mongodb.com/docs/manual/administration/production-notes/#platform-support-notes
    """
    abilities = {
        word
        for line in cpuinfo.splitlines()
        if line.split(":")[0].strip() in {"flags", "Features"}
        for word in line.partition(":")[2].split()
    }
    if not abilities:
        return NEWEST
    if machine == "x86_64" and "avx" not in abilities:
        return WITHOUT_AVX
    # Linux names the atomic instructions of ARMv8.1; cores with them but without 8.2 are hardly in use.
    if machine == "aarch64" and "atomics" not in abilities:
        return BEFORE_ARM_8_2
    return NEWEST
