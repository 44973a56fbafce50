"""JSON of ``/api/auth/*``."""

from __future__ import annotations

from pydantic import BaseModel, Field, StrictBool, StrictStr

from src.models.session import Identity
from src.models.user import User
from src.routes.schemas.common import RequestBody, megabytes
from src.services.jobs.owner_space import Usage


class Credentials(RequestBody):
    """An account's e-mail address and password."""

    email: StrictStr = Field(examples=["user@example.com"])
    password: StrictStr = Field(description="8 to 1024 characters.", examples=["SecurePass123!"])


class ChangePassword(RequestBody):
    """The password that counts now, and the one that shall."""

    current_password: StrictStr = Field(examples=["SecurePass123!"])
    new_password: StrictStr = Field(description="8 to 1024 characters.", examples=["NewSecurePass456!"])


class Registered(BaseModel):
    """An account was made."""

    message: str = "User registered successfully"
    user_id: str


class UserShown(BaseModel):
    """An account as its owner sees it."""

    id: str
    email: str


class LoggedIn(BaseModel):
    """A login was opened. The token is told only here."""

    message: str = "Login successful"
    token: str
    user: UserShown

    @classmethod
    def of(cls, user: User, token: str) -> LoggedIn:
        """Return the reply for this login."""
        return cls(token=token, user=UserShown(id=user.id, email=user.email))


class LoggedOut(BaseModel):
    """The login has ended."""

    message: str = "Logout successful"


class PasswordChanged(BaseModel):
    """The new password counts; every login has ended."""

    message: str = "Password changed successfully. Please login again."


class PublicTokenIssued(BaseModel):
    """A public token and its life in seconds."""

    token: str
    expires_in: int


class Me(BaseModel):
    """The signed-in user."""

    user: UserShown
    used_mb: float = Field(description="What the account's files take, with those that are arriving, in MB.")
    quota_mb: float | None = Field(description="What they may take together, in MB; null: there is no limit.")

    @classmethod
    def of(cls, identity: Identity, usage: Usage) -> Me:
        """Return the reply for this caller."""
        return cls(
            user=UserShown(id=identity.user_id, email=identity.email),
            used_mb=megabytes(usage.used_bytes),
            quota_mb=None if usage.quota_bytes is None else megabytes(usage.quota_bytes),
        )


class Preferences(RequestBody):
    """What the signed-in user wants."""

    accept_anonymous_saves: StrictBool
