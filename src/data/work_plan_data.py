"""Stores work plans in MongoDB: the ``work_plans`` collection."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bson.objectid import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database

from src.data.translated import object_id, translated
from src.models.archive import WorkPlan
from src.models.page import Page
from src.models.video import Owner

Document = dict[str, Any]


class WorkPlanData:
    """The ``work_plans`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "work_plans"
    INDEXES = (
        IndexModel(
            [("owner_kind", ASCENDING), ("owner_id", ASCENDING), ("created_at", DESCENDING)], name="owner_created_at"
        ),
    )

    def __init__(self, database: Database[Document]) -> None:
        self._plans = database[self.COLLECTION]

    def insert(
        self,
        owner: Owner,
        video_ids: Sequence[str],
        reason: str,
        metadata: Mapping[str, Any],
        now: datetime,
        tries: int,
    ) -> WorkPlan:
        """Store a new plan that was already tried ``tries`` times elsewhere."""
        document = {
            "_id": ObjectId(),
            **_of(owner),
            "video_ids": list(video_ids),
            "reason": reason,
            "metadata": json.dumps(metadata, ensure_ascii=False),
            "created_at": now,
            "retry_count": tries,
            "job_ids": [],
        }
        with translated():
            self._plans.insert_one(document)
        return _to_plan(document)

    def find(self, owner: Owner, plan_id: str) -> WorkPlan | None:
        """Return the owner's plan with this id."""
        with translated():
            found = self._plans.find_one({"_id": object_id(plan_id) or "no such id", **_of(owner)})
        return _to_plan(found) if found else None

    def page(self, owner: Owner, *, offset: int, limit: int) -> Page[WorkPlan]:
        """Return a page of the owner's plans, newest first."""
        with translated():
            total = self._plans.count_documents(_of(owner))
            found = self._plans.find(_of(owner)).sort([("created_at", -1), ("_id", -1)]).skip(offset).limit(limit)
            return Page([_to_plan(document) for document in found], total, offset)

    def start_try(self, plan: WorkPlan) -> bool:
        """Count another attempt unless one has started since ``plan`` was read; return whether it was counted."""
        with translated():
            done = self._plans.update_one(
                {"_id": ObjectId(plan.id), "retry_count": plan.retry_count},
                {"$set": {"retry_count": plan.retry_count + 1, "job_ids": []}},
            )
        return done.matched_count == 1

    def set_jobs(self, plan_id: str, job_ids: Sequence[str]) -> None:
        """Store the jobs of the current attempt."""
        with translated():
            self._plans.update_one({"_id": ObjectId(plan_id)}, {"$set": {"job_ids": list(job_ids)}})


def _of(owner: Owner) -> Document:
    return {"owner_kind": owner.kind.value, "owner_id": owner.id}


def _to_plan(document: Document) -> WorkPlan:
    return WorkPlan(
        id=str(document["_id"]),
        video_ids=tuple(document["video_ids"]),
        reason=document["reason"],
        created_at=document["created_at"],
        retry_count=document["retry_count"],
        metadata=json.loads(document["metadata"]),
        job_ids=tuple(document["job_ids"]),
    )
