"""Defines the JSON of ``/api/auth/*``."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, Field, StrictBool, StrictStr

from src.models.session import Identity, Session
from src.models.user import User
from src.routes.schemas.common import RequestBody, UtcTime, megabytes
from src.services.jobs.owner_space import Usage


class Credentials(RequestBody):
    """The e-mail address and password of an account."""

    email: StrictStr = Field(examples=["user@example.com"])
    password: StrictStr = Field(description="8 to 1024 characters.", examples=["SecurePass123!"])


class ChangePassword(RequestBody):
    """The current password and the new one."""

    current_password: StrictStr = Field(examples=["SecurePass123!"])
    new_password: StrictStr = Field(description="8 to 1024 characters.", examples=["NewSecurePass456!"])


class Registered(BaseModel):
    """An account was created."""

    message: str = "User registered successfully"
    user_id: str


class UserShown(BaseModel):
    """An account as shown to its owner."""

    id: str
    email: str


class LoggedIn(BaseModel):
    """A login was created. The token is shown only here; it is null if the reply sets the login cookie."""

    message: str = "Login successful"
    token: str | None
    user: UserShown

    @classmethod
    def of(cls, user: User, token: str | None) -> LoggedIn:
        """Return the reply for this login."""
        return cls(token=token, user=UserShown(id=user.id, email=user.email))


class LoggedOut(BaseModel):
    """The login has ended."""

    message: str = "Logout successful"


class LoginShown(BaseModel):
    """A valid login of the account."""

    id: str
    created_at: UtcTime
    expires_at: UtcTime
    client: str | None = Field(description="What the program that signed in called itself.")
    current: bool = Field(description="Whether it is the login of this request.")


class Logins(BaseModel):
    """The valid logins of the account, newest first."""

    logins: list[LoginShown]

    @classmethod
    def of(cls, sessions: Sequence[Session], identity: Identity) -> Logins:
        """Return the reply for this caller."""
        return cls(
            logins=[
                LoginShown(
                    id=each.id,
                    created_at=each.created_at,
                    expires_at=each.expires_at,
                    client=each.client,
                    current=each.id == identity.session_id,
                )
                for each in sessions
            ]
        )


class PasswordChanged(BaseModel):
    """The new password is valid; all logins have ended."""

    message: str = "Password changed successfully. Please login again."


class PublicTokenIssued(BaseModel):
    """A public token and its lifetime in seconds."""

    token: str
    expires_in: int


class Me(BaseModel):
    """The signed-in user."""

    user: UserShown
    used_mb: float = Field(description="Space used by the account's files, including running uploads, in MB.")
    quota_mb: float | None = Field(description="Space that they may use, in MB; null: no limit.")

    @classmethod
    def of(cls, identity: Identity, usage: Usage) -> Me:
        """Return the reply for this caller."""
        return cls(
            user=UserShown(id=identity.user_id, email=identity.email),
            used_mb=megabytes(usage.used_bytes),
            quota_mb=None if usage.quota_bytes is None else megabytes(usage.quota_bytes),
        )


class Preferences(RequestBody):
    """The preferences of the signed-in user."""

    accept_anonymous_saves: StrictBool
