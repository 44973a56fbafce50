"""Defines the errors of requests: their content, and who sent them."""

from __future__ import annotations

from src.errors.base import AppError, ErrorKind, Remedy


class RequestInvalid(AppError):
    """The request is not valid."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class UrlInvalid(AppError):
    """This is not a link that can be downloaded."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class UrlForbidden(AppError):
    """This link leads to an address that the service does not fetch from."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class VideoIdInvalid(AppError):
    """This is not a video id."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class AdjustmentInvalid(AppError):
    """This is not an adjustment: write +20, -15, 45s or 1:30."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class ClipRangeInvalid(AppError):
    """The time range is not valid."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class ClipTooLong(AppError):
    """The time range is longer than this service allows."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class EmailInvalid(AppError):
    """This is not a valid e-mail address."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class PasswordInvalid(AppError):
    """The password must have at least 8 characters."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class UserUnknown(AppError):
    """There is no user with this user_id."""

    kind, remedy = ErrorKind.INVALID, Remedy.USER


class BodyTooLarge(AppError):
    """The request body is larger than this endpoint accepts."""

    kind, remedy = ErrorKind.TOO_LARGE, Remedy.USER


class AddressTooLong(AppError):
    """The address of this request is too long: 16 kB are accepted."""

    kind = ErrorKind.URI_TOO_LONG
    remedy = Remedy.USER


class RequestTooSlow(AppError):
    """The request arrived too slowly: send its headers within 10 seconds, and its body with at least 1 kB/s."""

    kind, remedy = ErrorKind.TOO_SLOW, Remedy.USER


class TooManyConnections(AppError):
    """This address has too many connections open."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.LATER


class MediaTypeUnsupported(AppError):
    """The request has a content type that this endpoint does not accept."""

    kind, remedy = ErrorKind.UNSUPPORTED_TYPE, Remedy.USER


class RangeNotSatisfiable(AppError):
    """The requested byte range lies outside the file."""

    kind, remedy = ErrorKind.RANGE_NOT_SATISFIABLE, Remedy.USER


class EndpointNotFound(AppError):
    """There is no such endpoint."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class MethodNotAllowed(AppError):
    """This endpoint does not support this method."""

    kind, remedy = ErrorKind.METHOD_NOT_ALLOWED, Remedy.USER


class TokenMissing(AppError):
    """A token is required: send it as 'Authorization: Bearer <token>'."""

    kind, remedy = ErrorKind.UNAUTHENTICATED, Remedy.USER


class OriginRefused(AppError):
    """The login of the web page is only accepted from the page itself; behind a proxy, set PUBLIC_URL."""

    kind, remedy = ErrorKind.FORBIDDEN, Remedy.OPERATOR


class TokenInvalid(AppError):
    """The token is not valid."""

    kind, remedy = ErrorKind.UNAUTHENTICATED, Remedy.USER


class TokenExpired(AppError):
    """The token has expired."""

    kind, remedy = ErrorKind.UNAUTHENTICATED, Remedy.USER


class CredentialsInvalid(AppError):
    """The e-mail address or the password is wrong."""

    kind, remedy = ErrorKind.UNAUTHENTICATED, Remedy.USER


class CurrentPasswordWrong(AppError):
    """The current password is wrong."""

    kind, remedy = ErrorKind.UNAUTHENTICATED, Remedy.USER


class EmailTaken(AppError):
    """This e-mail address is already registered."""

    kind, remedy = ErrorKind.CONFLICT, Remedy.USER


class TooManyAttempts(AppError):
    """Too many attempts; please wait before you try again."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.LATER


class RateLimitExceeded(AppError):
    """Too many requests; please slow down."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.LATER


class SessionMissing(AppError):
    """A session is required: create one with POST /api/sessions/ and send its id as 'X-Session-ID'."""

    kind, remedy = ErrorKind.UNAUTHENTICATED, Remedy.USER


class SessionInvalid(AppError):
    """There is no such session, or it has expired; please create a new one."""

    kind, remedy = ErrorKind.UNAUTHENTICATED, Remedy.USER


class SessionNotFound(AppError):
    """There is no such session, or it has expired."""

    kind, remedy = ErrorKind.NOT_FOUND, Remedy.USER


class TooManySessions(AppError):
    """The service has reached its limit of sessions; please try again later."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.LATER


class SessionFull(AppError):
    """This session has reached its limit of jobs: delete one, or create a new session."""

    kind, remedy = ErrorKind.TOO_MANY, Remedy.USER
