"""Sets headers that restrict what browsers do with replies."""

from __future__ import annotations

from flask import Flask, Response, request

_NEITHER = "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# Replies are data: they must not run scripts, be framed, or reveal the page that opened them.
POLICY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": f"default-src 'none'; {_NEITHER}; sandbox",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
HSTS = "max-age=31536000"


def install(app: Flask) -> None:
    """Set these headers on every reply that does not set them itself."""

    def protect(response: Response) -> Response:
        for name, value in POLICY.items():
            response.headers.setdefault(name, value)
        csp = response.headers["Content-Security-Policy"]
        if "frame-ancestors" not in csp:
            response.headers["Content-Security-Policy"] = f"{csp}; {_NEITHER}"
        if request.is_secure:
            response.headers.setdefault("Strict-Transport-Security", HSTS)
        if response.mimetype == "application/json":
            response.headers.setdefault("Cache-Control", "no-store")  # may contain tokens and personal data
        return response

    app.after_request(protect)
