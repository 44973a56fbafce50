# yt-downloader in one container: API, workers, scheduler and the embedded stores. How to run it: docs/docker.md.
# The same file builds for amd64 and arm64.
ARG BASE=debian:trixie-slim

FROM ${BASE} AS build
# Where the build has its own package index: --build-arg PIP_INDEX_URL=... (pip reads it from the environment).
ARG PIP_INDEX_URL
ENV PIP_NO_CACHE_DIR=1
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/yt-downloader
COPY requirements.txt requirements-stores.txt ./
COPY scripts/setup.sh scripts/
RUN scripts/setup.sh requirements.txt
COPY . .
# The service runs as any user: it must be able to read everything, whatever umask the clone was made with.
RUN .venv/bin/python -m compileall -q src scripts && chmod -R a+rX . && chmod a+x deploy/docker/*

FROM ${BASE}
# More packages of the distribution, for example drivers of a graphics processor (docs/docker.md).
ARG EXTRA_PACKAGES=""
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates python3 tini ${EXTRA_PACKAGES} \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb \
    # A named volume takes the mode of the folder it covers: any user may then write there.
    && mkdir -m 1777 /data /downloads
COPY --from=build /opt/yt-downloader /opt/yt-downloader
WORKDIR /opt/yt-downloader
# LOG_FILE is empty: logs go to the output of the container only.
ENV PATH=/opt/yt-downloader/deploy/docker:/opt/yt-downloader/.venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    HOST=0.0.0.0 \
    PORT=5000 \
    DATA_DIR=/data/service \
    UPLOADS_DIR=/data/uploads \
    DOWNLOADS_DIR=/downloads \
    LOG_FILE=
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["healthcheck"]
ENTRYPOINT ["as-service"]
