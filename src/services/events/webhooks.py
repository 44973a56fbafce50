"""Delivers signed webhooks about ended jobs to public addresses, with retries."""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import logging
import random
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta

import httpx

from src.data.webhook_data import Delivery, WebhookData
from src.errors import AppError, WebhookInvalid
from src.models.video import Owner, OwnerKind, Status, VideoJob
from src.services.egress.policy import Limits
from src.services.egress.proxy import EgressProxy
from src.services.events.chat_replies import follows_up, is_nightbot_address, message_for
from src.services.events.clip_links import NO_LINKS, ClipLinks, moment_link
from src.services.events.webhook_addresses import require_reachable
from src.services.jobs.jobs import JobService
from src.utils.background import in_background
from src.utils.clock import Clock, utc_text
from src.utils.signing import Signer

log = logging.getLogger(__name__)

SIGNATURE_HEADER = "X-Webhook-Signature"
_PURPOSE = "webhook"
_RECHECK = timedelta(seconds=3)  # of a job that has not ended
# A delivery is registered before its job is saved; after this time without the job it never will be.
_ABANDONED = timedelta(seconds=60)
_CLAIM_SECONDS = 60.0  # in addition to the timeout of the receiver
_FIRST_PAUSE_SECONDS = 5.0
# The deliveries at the same time, in total, for one owner and for one requesting network: a receiver may take
# WEBHOOK_TIMEOUT_SECONDS, and the receivers of one account must not delay others.
_MOST_AT_ONCE, _MOST_OF_OWNER, _MOST_OF_NETWORK = 32, 2, 4
_MOST_CHECKED = 500
_GONE = 410


class WebhookService:
    """Stores and delivers webhooks, each at least once; receivers detect repetitions by ``X-Webhook-Id``."""

    def __init__(
        self,
        data: WebhookData,
        jobs: JobService,
        egress: EgressProxy,
        signer: Signer,
        clock: Clock,
        *,
        attempts: int,
        timeout: float,
        tls: ssl.SSLContext | None = None,
        links: Callable[[VideoJob], ClipLinks] = lambda _: NO_LINKS,
    ) -> None:
        """Set the services and limits. ``tls``: replaces the default trusted certificates; ``links``: returns the links
        for messages about a clip."""
        self._links = links
        self._data, self._jobs, self._egress, self._signer, self._clock = data, jobs, egress, signer, clock
        self._attempts, self._timeout, self._tls = attempts, timeout, tls
        self._limits = Limits(requests=4, bytes=1_000_000, seconds=timeout)
        self._lock = threading.Lock()
        self._owners: Counter[str] = Counter()
        self._networks: Counter[str] = Counter()
        self._threads = threading.BoundedSemaphore(_MOST_AT_ONCE)

    def require_valid(self, url: object, secret: object = None) -> None:
        """Require a valid address and secret.

        Raises:
            WebhookInvalid: an address that can never be reached, or an invalid secret.
        """
        require_reachable(url, self._egress)
        # JSON can contain half of a surrogate pair, which no database stores.
        if secret is not None and not (isinstance(secret, str) and 16 <= len(secret) <= 200 and _is_text(secret)):
            raise WebhookInvalid("webhook_secret must have 16 to 200 characters")

    def register(
        self,
        job_id: str,
        url: str,
        secret: str | None = None,
        *,
        asked_by: Owner | None = None,
        network: str | None = None,
    ) -> None:
        """Register this address for the end of the job; sign with ``secret`` instead of the owner's secret.

        ``asked_by``: the caller, by default the owner; ``network``: the caller's network. Requests of other callers
        count against the share of their network and are never signed with the owner's secret, because a receiver of the
        owner would trust it.
        """
        owner = self._owner_of(job_id)
        if asked_by is not None and _name_of(asked_by) != owner:
            owner = _name_of(Owner(OwnerKind.ADDRESS, network or ""))
        self._data.insert(job_id, url, secret, self._clock.now(), owner=owner, network=network)

    def register_ahead(self, job_id: str, url: str, owner: Owner) -> None:
        """Register an address for a job of this owner that is about to be saved: nothing is lost if the process dies
        right after that. It is registered once, even if the request arrives twice at the same time."""
        name = hashlib.sha256(f"{job_id}\n{url}".encode()).hexdigest()[:24]
        now = self._clock.now()
        self._data.insert(job_id, url, None, now, owner=_name_of(owner), delivery_id=name, registered_at=now)

    def forget(self, job_id: str) -> None:
        """Delete all deliveries of a job that could not be saved."""
        self._data.delete_of_job(job_id)

    def secret_of(self, owner: Owner) -> str:
        """Return the secret for webhooks about an owner's jobs, used unless a request brings its own secret."""
        return self._signer.sign(_PURPOSE, _name_of(owner))

    def start_due(self) -> list[Future[int]]:
        """Start the due deliveries on background threads, so that a slow receiver delays neither the next call nor
        other receivers. Each future returns how many deliveries its thread completed."""
        awaited = self._data.awaited_repairs()
        if awaited:
            self._data.release_follow_ups(self._jobs.without_repair(awaited), self._clock.now())
        started: list[Future[int]] = []
        while self._threads.acquire(blocking=False):
            delivering = self._start_next()
            if delivering is None:
                break
            started.append(delivering)
        return started

    def _start_next(self) -> Future[int] | None:
        """Start a thread with the next due delivery. Without one, release the slot that the caller took for it."""
        due: tuple[Delivery, VideoJob] | None = None
        try:
            due = self._next_due()
            if due is not None:
                return in_background(functools.partial(self._deliver_some, *due), "webhook")
        except BaseException:
            if due is not None:  # no thread could start; the claim expires
                self._end(due[0])
            self._threads.release()
            raise
        self._threads.release()
        return None

    def _deliver_some(self, delivery: Delivery, job: VideoJob) -> int:
        delivered = 0
        try:
            while True:
                try:
                    delivered += self._deliver(delivery, job)
                finally:
                    self._end(delivery)
                due = self._next_due()
                if due is None:
                    return delivered
                delivery, job = due
        except AppError as error:
            log.warning("webhooks: %s", error.message)
            return delivered
        except Exception:
            log.exception("a webhook failed unexpectedly")  # the claim expires, and the delivery is retried
            return delivered
        finally:
            self._threads.release()

    def _next_due(self) -> tuple[Delivery, VideoJob] | None:
        """Claim the next delivery only right before it is sent: a claim that expired in a queue would be sent
        twice."""
        with self._lock:
            for _ in range(_MOST_CHECKED):
                delivery = self._claim()
                if delivery is None:
                    return None
                job = self._jobs.peek(delivery.job_id)
                if self._is_superfluous(delivery, job):
                    self._data.delete(delivery)
                elif job is None or not job.ended:
                    self._data.postpone(delivery, self._clock.now() + _RECHECK, attempts=delivery.attempts)
                else:
                    self._count(delivery, 1)
                    return delivery, job
        return None

    def _is_superfluous(self, delivery: Delivery, job: VideoJob | None) -> bool:
        """Whether nothing will be delivered: the job does not exist, or its repair is of no interest to a chat."""
        if job is not None:
            return delivery.follow_up and not follows_up(delivery.url, job)
        registered_at = delivery.registered_at
        return registered_at is None or registered_at + _ABANDONED <= self._clock.now()

    def _claim(self) -> Delivery | None:
        """Claim a delivery of an owner without deliveries in progress, otherwise of an owner below its share."""
        now = self._clock.now()
        until = now + timedelta(seconds=self._timeout + _CLAIM_SECONDS)
        networks = [network for network, number in self._networks.items() if number >= _MOST_OF_NETWORK]
        for most in range(1, _MOST_OF_OWNER + 1):
            owners = [owner for owner, number in self._owners.items() if number >= most]
            delivery = self._data.claim(now, until, owners=owners, networks=networks)
            if delivery is not None:
                return delivery
        return None

    def _end(self, delivery: Delivery) -> None:
        with self._lock:
            self._count(delivery, -1)

    def _count(self, delivery: Delivery, number: int) -> None:
        for counts, key in ((self._owners, delivery.owner), (self._networks, delivery.network)):
            if key is not None:
                counts[key] += number
                if not counts[key]:
                    del counts[key]

    def _owner_of(self, job_id: str) -> str | None:
        job = self._jobs.peek(job_id)
        return None if job is None else _name_of(job.owner)

    def _deliver(self, delivery: Delivery, job: VideoJob) -> bool:
        try:
            status = self._send(delivery, job)
        except (httpx.HTTPError, httpx.InvalidURL, AppError) as error:
            log.info("webhook of job %s: %s", job.id, type(error).__name__)
            status = 0
        delivered, attempts = 200 <= status < 300, delivery.attempts + 1
        if delivered or status == _GONE or attempts >= self._attempts:
            if not delivered:
                log.warning("webhook of job %s was given up after %d attempts (%d)", job.id, attempts, status)
            elif job.repair is not None and job.repair.waiting and not is_nightbot_address(delivery.url):
                self._data.follow_up(delivery)  # Nightbot's addresses are valid for minutes only
            self._data.delete(delivery)
        else:
            pause = _FIRST_PAUSE_SECONDS * 2 ** (attempts - 1) * random.uniform(0.75, 1.25)  # noqa: S311 (only jitter)
            self._data.postpone(delivery, self._clock.now() + timedelta(seconds=pause), attempts=attempts)
        return delivered

    def _send(self, delivery: Delivery, job: VideoJob) -> int:
        now = self._clock.now()
        is_owner = delivery.owner == _name_of(job.owner)
        links = self._links(job) if is_owner and job.status is Status.COMPLETED else NO_LINKS
        chat = message_for(delivery.url, job, now, links)
        if chat is not None:
            body, headers = chat[0], {"Content-Type": chat[1]}
        else:
            body = json.dumps(payload_of(job, now, links)).encode()
            headers = {"Content-Type": "application/json", "X-Webhook-Id": delivery.id}
            if secret := delivery.secret or self._own_secret(delivery, job.owner):
                headers[SIGNATURE_HEADER] = sign(secret, body, now)
        with (
            self._egress.session(self._limits, upstream=False) as session,
            httpx.Client(
                proxy=session.proxy_url, trust_env=False, timeout=self._timeout, verify=self._tls or True
            ) as client,
            client.stream("POST", delivery.url, content=body, headers=headers) as answer,
        ):
            return answer.status_code  # the status says all: the body is not read, whatever its size

    def _own_secret(self, delivery: Delivery, owner: Owner) -> str | None:
        """Return the owner's secret if the owner registered the address. Old deliveries do not record who did."""
        return self.secret_of(owner) if delivery.owner in (None, _name_of(owner)) else None


def _name_of(owner: Owner) -> str:
    return f"{owner.kind.value}:{owner.id}"


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def sign(secret: str, body: bytes, now: datetime) -> str:
    """Return ``t=<seconds>,v1=<hex>``: HMAC-SHA256 of ``<seconds>.<body>``. Receivers should refuse old signatures."""
    moment = str(int(now.timestamp()))
    return f"t={moment},v1={hmac.new(secret.encode(), moment.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def payload_of(job: VideoJob, now: datetime, links: ClipLinks = NO_LINKS) -> dict[str, object]:
    """Return the body of a webhook about a job as JSON values."""
    failure = job.failure if job.status is Status.FAILED else None
    return {
        "event": f"job.{job.status.value}",
        "job_id": job.id,
        "kind": job.kind,
        "status": job.status.value,
        "title": job.facts.get("title"),
        "file_size_bytes": job.artifact and job.artifact.size_bytes,
        "error": failure and failure.message,
        "code": failure and failure.code,
        **job.outcome,
        "repair": job.still_to_come["repair"],
        "share_url": links.share,
        "share_expires_at": links.share_expires_at and utc_text(links.share_expires_at),
        "moment_url": moment_link(job),
        "sent_at": utc_text(now),
    }
