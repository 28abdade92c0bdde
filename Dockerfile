# syntax=docker/dockerfile:1
# `make docker-build`. Two stages: what installs, and what runs. The second has no compiler, no pip, no shell script of
# ours and no root. Its size is held to a budget by `python -m deploy.image_size`.

FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements.txt ./
RUN python -m venv /venv && /venv/bin/pip install --require-hashes --only-binary :all: --no-binary pyvips -r requirements.txt
COPY deploy/__init__.py deploy/image_size.py deploy/
RUN python -m deploy.image_size trim /venv

FROM python:3.13-slim-bookworm
ARG VERSION=dev
LABEL org.opencontainers.image.title="imgopt" \
      org.opencontainers.image.description="A self-hosted image service: signed variants with measured quality." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
RUN groupadd --system --gid 10001 imgopt \
 && useradd --system --uid 10001 --gid imgopt --home-dir /data --no-create-home --shell /usr/sbin/nologin imgopt \
 && install -d -o imgopt -g imgopt -m 750 /data
COPY --from=build /venv /venv
WORKDIR /app
COPY manage.py pyproject.toml LICENSE ./
COPY pipeline pipeline
COPY imgopt_client imgopt_client
COPY assets assets
COPY apikeys apikeys
COPY metrics metrics
COPY delivery delivery
COPY jobs jobs
COPY imgopt imgopt
# Compiled now: the root may be read-only, and every render child would compile the modules anew.
RUN /venv/bin/python -m compileall -q -j 0 /app
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    IMGOPT_ENV_FILE=/dev/null \
    IMGOPT_HOST=0.0.0.0 \
    IMGOPT_PORT=8000 \
    IMGOPT_DATA_DIR=/data
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --start-interval=1s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["python", "manage.py", "serve"]
