"""Webhooks: a job that has ended is told to who asked for that; signed, tried again, to public addresses only."""

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
from concurrent.futures import Future
from datetime import datetime, timedelta

import httpx

from src.data.webhook_data import Delivery, WebhookData
from src.errors import AppError, WebhookInvalid
from src.models.video import Owner, OwnerKind, Status, VideoJob
from src.services.egress.policy import Limits
from src.services.egress.proxy import EgressProxy
from src.services.events.chat_replies import message_for
from src.services.events.webhook_addresses import require_reachable
from src.services.jobs.jobs import JobService
from src.utils.background import in_background
from src.utils.clock import Clock, utc_text
from src.utils.signing import Signer

log = logging.getLogger(__name__)

SIGNATURE_HEADER = "X-Webhook-Signature"
_PURPOSE = "webhook"
_LOOK_AGAIN = timedelta(seconds=3)  # at a job that has not ended
_CLAIM_SECONDS = 60.0  # beyond the time that a receiver may take
_FIRST_PAUSE_SECONDS = 5.0
# How many receivers are told at once, and of these so many for one owner and for one network from which was asked: a
# receiver may take WEBHOOK_TIMEOUT_SECONDS, and those of one account must not make others wait.
_MOST_AT_ONCE, _MOST_OF_OWNER, _MOST_OF_NETWORK = 32, 2, 4
_MOST_LOOKED_AT = 500
_GONE = 410


class WebhookService:
    """Keeps what is to be told, and tells it. An address is told at least once; ``X-Webhook-Id`` tells repetitions."""

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
    ) -> None:
        """``tls`` trusts other certificates than the usual ones."""
        self._data, self._jobs, self._egress, self._signer, self._clock = data, jobs, egress, signer, clock
        self._attempts, self._timeout, self._tls = attempts, timeout, tls
        self._limits = Limits(requests=4, bytes=1_000_000, seconds=timeout)
        self._lock = threading.Lock()
        self._owners: Counter[str] = Counter()
        self._networks: Counter[str] = Counter()
        self._threads = threading.BoundedSemaphore(_MOST_AT_ONCE)

    def require_valid(self, url: object, secret: object = None) -> None:
        """Pass what can be told.

        Raises:
            WebhookInvalid: an address that can never be reached, or a secret that is none.
        """
        require_reachable(url, self._egress)
        # Half a character can be spelled in JSON and is kept by no database.
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
        """Notify this address when the job has ended; signed with ``secret`` instead of the owner's.

        ``asked_by``: who asked, the owner when absent; ``network``: from where. What others ask counts against their
        network's share and is never signed with the owner's secret: a receiver of the owner would believe it.
        """
        owner = self._owner_of(job_id)
        if asked_by is not None and _name_of(asked_by) != owner:
            owner = _name_of(Owner(OwnerKind.ADDRESS, network or ""))
        self._data.insert(job_id, url, secret, self._clock.now(), owner=owner, network=network)

    def register_once(self, job_id: str, url: str) -> None:
        """The same for a request that may come twice at the same time: while the address is to be told, it stays so."""
        name = hashlib.sha256(f"{job_id}\n{url}".encode()).hexdigest()[:24]
        self._data.insert(job_id, url, None, self._clock.now(), owner=self._owner_of(job_id), delivery_id=name)

    def secret_of(self, owner: Owner) -> str:
        """What webhooks about an owner's jobs are signed with, unless a request sent a secret of its own."""
        return self._signer.sign(_PURPOSE, _name_of(owner))

    def begin_due(self) -> list[Future[int]]:
        """Have everybody told who is due, on threads that need not be waited for: a slow receiver holds up neither the
        next call nor the receivers of others. Each future holds how many its thread has told."""
        begun: list[Future[int]] = []
        while self._threads.acquire(blocking=False):
            try:
                due = self._next_due()
            except BaseException:
                self._threads.release()
                raise
            if due is None:
                self._threads.release()
                break
            begun.append(in_background(functools.partial(self._deliver_some, *due), "webhook"))
        return begun

    def deliver_due(self) -> int:
        """Tell everybody who is due, and wait for that; how many were told."""
        return sum(each.result() for each in self.begin_due())

    def _deliver_some(self, delivery: Delivery, job: VideoJob) -> int:
        told = 0
        try:
            while True:
                try:
                    told += self._deliver(delivery, job)
                finally:
                    with self._lock:
                        self._count(delivery, -1)
                due = self._next_due()
                if due is None:
                    return told
                delivery, job = due
        except AppError as error:
            log.warning("webhooks: %s", error.message)
            return told
        except Exception:
            log.exception("a webhook failed unexpectedly")  # the claim runs out, and it is tried again
            return told
        finally:
            self._threads.release()

    def _next_due(self) -> tuple[Delivery, VideoJob] | None:
        """Claimed only when it is told next: a claim that ran out behind slow receivers would be told twice."""
        with self._lock:
            for _ in range(_MOST_LOOKED_AT):
                delivery = self._claim()
                if delivery is None:
                    return None
                job = self._jobs.peek(delivery.job_id)
                if job is None:
                    self._data.delete(delivery)
                elif not job.ended:
                    self._data.postpone(delivery, self._clock.now() + _LOOK_AGAIN, attempts=delivery.attempts)
                else:
                    self._count(delivery, 1)
                    return delivery, job
        return None

    def _claim(self) -> Delivery | None:
        """The next one of an owner for whom nothing is sent now, else of one who has not got the share yet."""
        now = self._clock.now()
        until = now + timedelta(seconds=self._timeout + _CLAIM_SECONDS)
        networks = [network for network, number in self._networks.items() if number >= _MOST_OF_NETWORK]
        for most in range(1, _MOST_OF_OWNER + 1):
            owners = [owner for owner, number in self._owners.items() if number >= most]
            delivery = self._data.claim(now, until, owners=owners, networks=networks)
            if delivery is not None:
                return delivery
        return None

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
        told, attempts = 200 <= status < 300, delivery.attempts + 1
        if told or status == _GONE or attempts >= self._attempts:
            if not told:
                log.warning("webhook of job %s was given up after %d tries (%d)", job.id, attempts, status)
            self._data.delete(delivery)
        else:
            pause = _FIRST_PAUSE_SECONDS * 2 ** (attempts - 1) * random.uniform(0.75, 1.25)  # noqa: S311 (only jitter)
            self._data.postpone(delivery, self._clock.now() + timedelta(seconds=pause), attempts=attempts)
        return told

    def _send(self, delivery: Delivery, job: VideoJob) -> int:
        now = self._clock.now()
        spoken = message_for(delivery.url, job)  # a chat is told in a sentence
        if spoken is not None:
            body, headers = spoken[0], {"Content-Type": spoken[1]}
        else:
            body = json.dumps(payload_of(job, now)).encode()
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
        """The owner's secret, if it was the owner who asked. Deliveries of earlier versions do not tell who did."""
        return self.secret_of(owner) if delivery.owner in (None, _name_of(owner)) else None


def _name_of(owner: Owner) -> str:
    return f"{owner.kind.value}:{owner.id}"


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def sign(secret: str, body: bytes, now: datetime) -> str:
    """``t=<seconds>,v1=<hex>``: HMAC-SHA256 of ``<seconds>.<body>``. A receiver refuses what is minutes old."""
    moment = str(int(now.timestamp()))
    return f"t={moment},v1={hmac.new(secret.encode(), moment.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def payload_of(job: VideoJob, now: datetime) -> dict[str, object]:
    """What a webhook about a job says: JSON values."""
    return {
        "event": f"job.{job.status.value}",
        "job_id": job.id,
        "kind": job.kind,
        "status": job.status.value,
        "title": job.facts.get("title"),
        "file_size_bytes": job.artifact.size_bytes if job.artifact else None,
        "error": job.failure.message if job.failure and job.status is Status.FAILED else None,
        "code": job.failure.code if job.failure and job.status is Status.FAILED else None,
        **job.outcome,
        "sent_at": utc_text(now),
    }
