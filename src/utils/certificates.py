"""Finds the operator's own certificates, which a process with an empty environment needs as well."""

from __future__ import annotations

import ssl


def own_certificates() -> dict[str, str]:
    """The variables that name them, with their files, where the environment has some: man 7 openssl-env."""
    paths = ssl.get_default_verify_paths()
    found = {paths.openssl_cafile_env: paths.cafile, paths.openssl_capath_env: paths.capath}
    return {name: path for name, path in found.items() if path and path != paths.openssl_cafile}
