"""Checks the form of e-mail addresses and normalises them to the spelling under which accounts are stored."""

from __future__ import annotations

import email_validator
from email_validator import EmailNotValidError, validate_email

from src.config import SettingsError
from src.errors import EmailInvalid

# No mail is ever sent, so addresses may have the names of home and office networks (nas.local, home.arpa). The
# library documents changing this list.
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = ["invalid", "localhost", "onion"]

# RFC 5321 allows 254; anything longer than this is not worth parsing.
_MAX_CHARACTERS = 320


def normalise_email(text: str) -> str:
    """Return the address in NFC and lower case, its domain as Unicode; without a DNS lookup.

    The part before the @ is lower case too: mail servers may distinguish case there, but in practice none does.
    Surrounding spaces are removed.
    Raises:
        EmailInvalid: not an address, or one in a reserved domain.
    """
    if len(text) > _MAX_CHARACTERS:
        raise EmailInvalid()
    try:
        return validate_email(text.strip(" "), check_deliverability=False).normalized.lower()
    except (EmailNotValidError, UnicodeError):
        raise EmailInvalid() from None


def read_admins(text: str) -> frozenset[str]:
    """Parse ADMIN_EMAILS.

    Raises:
        SettingsError: one of the addresses is invalid.
    """
    try:
        return frozenset(normalise_email(email.strip()) for email in text.split(",") if email.strip())
    except EmailInvalid:
        raise SettingsError("ADMIN_EMAILS: these must be e-mail addresses, separated by commas") from None
