"""The scaled-out shape as plain processes on one machine: nginx, servers, workers, Redis, PostgreSQL and S3.

    python -m deploy.stack up | down | roll | status [FOLDER]

with stack(folder) as running:
    running.request("/healthz")
"""
