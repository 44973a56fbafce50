"""The endpoints of all five documents; a star is an id or a token."""

from __future__ import annotations

DOCUMENTED = """\
POST /api/auth/register
POST /api/auth/login
POST /api/auth/logout
POST /api/auth/change-password
GET /api/auth/token/public
GET /api/auth/me
POST /api/video/save
GET /api/video/save/stream/*/*
POST /api/video/save/stream/*/*
POST /api/video/download/*
GET /api/video/status/*
GET /api/video/list
GET /api/video/formats/*
POST /api/video/resolutions
POST /api/encode/upload
POST /api/encode/start/*
GET /api/encode/status/*
POST /api/encode/download/*
GET /api/encode/codecs
POST /api/sessions/
GET /api/sessions/*
GET /api/sessions/
GET /api/sessions/stats/overview
POST /api/jobs/
GET /api/jobs/*
GET /api/jobs/
GET /api/jobs/*/paths
GET /api/jobs/*/file
DELETE /api/jobs/*
GET /api/health
GET /api/health/simple
GET /api/metrics
GET /api/status
GET /health
POST /jobs
GET /jobs/*
GET /jobs
DELETE /jobs/*
GET /metadata/*
POST /metadata/batch
GET /metadata/playlist/*
DELETE /metadata/cache
POST /download
GET /download/*
GET /download
DELETE /download/*
POST /storage/metadata
POST /storage/video
GET /storage/videos/*
GET /storage/videos
GET /storage/search
GET /storage/stats
GET /stats
POST /storage/workplan
GET /storage/workplan
POST /storage/workplan/*/retry
POST /download/
POST /download/mp4
GET /job/*
DELETE /job/*
POST /audio_dl/api/auto-download/
""".splitlines()
