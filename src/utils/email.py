"""E-mail addresses: checked by their form, and brought to the one spelling under which an account is found."""

from __future__ import annotations

import email_validator
from email_validator import EmailNotValidError, validate_email

from src.errors import EmailInvalid

# No mail is ever sent, so the names that home and office networks use (nas.local, home.arpa) may be in an address;
# the list is the library's documented way to say so.
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = ["invalid", "localhost", "onion"]

# RFC 5321 allows 254; the rest is not worth parsing.
_MAX_CHARACTERS = 320


def normalise_email(text: str) -> str:
    """Return the address in NFC and lower case, its domain as Unicode. No name server is asked.

    Lower case also before the @: mail servers may distinguish there, but none does, and people do not. Space around
    the address is nobody's intention.

    Raises:
        EmailInvalid: not an address, or one of a reserved domain.
    """
    if len(text) > _MAX_CHARACTERS:
        raise EmailInvalid()
    try:
        return validate_email(text.strip(" "), check_deliverability=False).normalized.lower()
    except (EmailNotValidError, UnicodeError):
        raise EmailInvalid() from None
