"""The settings of what answers requests, the larger part of `imgopt.config`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imgopt.option import option
from imgopt.values import (
    BASE_DIR,
    boolean,
    choice,
    http_address,
    integer,
    ladder,
    megapixels,
    metrics,
    networks,
    number,
    origins,
    path,
    plain,
    presets,
    quality,
    secret,
    secrets,
    short_name,
    signing_keys,
    url,
    words,
)
from pipeline.ladder import DEFAULT_LADDER
from pipeline.targets import TARGETS, Target


@dataclass(frozen=True, kw_only=True)
class ServiceConfig:
    # The server
    host: str = option("IMGOPT_HOST", plain, "127.0.0.1", "Address the server listens on.")
    port: int = option("IMGOPT_PORT", integer(1, 65535), 8000, "Port the server listens on.")
    server_workers: int = option("IMGOPT_SERVER_WORKERS", integer(1, 64), 1, "Server processes.")
    server_threads: int = option(
        "IMGOPT_SERVER_THREADS", integer(8, 1024), 256, "Requests a server process works on at once."
    )
    server_reserve: int = option(
        "IMGOPT_SERVER_RESERVE",
        integer(1, 512),
        32,
        "Of these, how many only cache hits may take; all other requests beyond the rest get a 503.",
    )
    base_url: str = option(
        "IMGOPT_BASE_URL",
        http_address,
        "",
        "Public address, the start of every absolute URL; empty: http://IMGOPT_HOST:IMGOPT_PORT.",
    )
    allowed_hosts: tuple[str, ...] = option(
        "IMGOPT_ALLOWED_HOSTS",
        words,
        ("localhost", "127.0.0.1", "[::1]"),
        "Host names the server answers to, besides that of IMGOPT_BASE_URL.",
    )
    trusted_proxies: tuple[str, ...] = option(
        "IMGOPT_TRUSTED_PROXIES",
        networks,
        (),
        "Networks whose X-Forwarded-For is believed. Empty: nobody's.",
    )
    debug: bool = option("IMGOPT_DEBUG", boolean, False, "Django's debug mode: never in production.")
    log_level: str = option(
        "IMGOPT_LOG_LEVEL", choice("debug", "info", "warning", "error"), "info", "Least level that is logged."
    )
    log_format: str = option("IMGOPT_LOG_FORMAT", choice("json", "console"), "json", "How log lines look.")

    # State
    data_dir: Path = option("IMGOPT_DATA_DIR", path, BASE_DIR / "var", "Where files are kept.")
    secret_key: str = option(
        "IMGOPT_SECRET_KEY",
        secret,
        "",
        "Django's secret; it encrypts the signing keys and the webhooks' secrets too. "
        "Empty: made once and kept in the data directory.",
        secret=True,
        empty="refused",
    )
    secret_key_former: tuple[str, ...] = option(
        "IMGOPT_SECRET_KEY_FORMER",
        secrets,
        (),
        "Former values of IMGOPT_SECRET_KEY, which still open what they sealed, until `manage.py reseal` has been run.",
        secret=True,
        empty="refused",
    )
    database_url: str = option(
        "DATABASE_URL",
        url("postgres", "postgresql", "sqlite"),
        "",
        "Database, such as postgres://user@host/name; empty: SQLite in IMGOPT_DATA_DIR.",
        secret=True,
    )
    database_pool: int = option(
        "IMGOPT_DATABASE_POOL",
        integer(0, 1000),
        10,
        "PostgreSQL connections that the requests of a server process share; 0: each opens one of its own.",
    )
    database_timeout_seconds: float = option(
        "IMGOPT_DATABASE_TIMEOUT_SECONDS",
        number(0, 3600),
        10.0,
        "Most time PostgreSQL may take for a statement of a server or worker; 0: it is not told.",
    )
    redis_url: str = option(
        "REDIS_URL",
        url("redis", "rediss", "unix"),
        "",
        "Redis, such as redis://host:6379/0, as a tier shared by all machines; empty: none.",
        secret=True,
    )
    redis_prefix: str = option(
        "IMGOPT_REDIS_PREFIX",
        short_name,
        "imgopt",
        "Start of all names in Redis: installations that share one need different ones.",
    )
    storage: str = option("IMGOPT_STORAGE", choice("disk", "s3"), "disk", "Where masters and variants are kept.")
    masters_bucket: str = option("IMGOPT_MASTERS_BUCKET", plain, "imgopt-masters", "S3 bucket of the masters.")
    variants_bucket: str = option("IMGOPT_VARIANTS_BUCKET", plain, "imgopt-variants", "S3 bucket of the variants.")
    s3_endpoint_url: str = option(
        "AWS_S3_ENDPOINT_URL", http_address, "", "S3 endpoint, of Ceph, MinIO or GCS for instance; empty: Amazon's."
    )
    s3_region_name: str = option("AWS_S3_REGION_NAME", plain, "us-east-1", "S3 region.")
    s3_access_key_id: str = option("AWS_ACCESS_KEY_ID", plain, "", "S3 key id; empty: boto3's own search.")
    s3_secret_access_key: str = option("AWS_SECRET_ACCESS_KEY", plain, "", "S3 secret.", secret=True, empty="refused")
    s3_addressing_style: str = option(
        "AWS_S3_ADDRESSING_STYLE",
        choice("auto", "path", "virtual"),
        "auto",
        "Whether a bucket stands in the path or in the host name; auto: in the path if there is an endpoint.",
    )
    s3_public_endpoint_url: str = option(
        "IMGOPT_S3_PUBLIC_ENDPOINT_URL",
        http_address,
        "",
        "S3 endpoint as clients of direct uploads reach it; empty: the same.",
    )
    s3_timeout_seconds: float = option(
        "IMGOPT_S3_TIMEOUT_SECONDS",
        number(0.5, 120),
        5.0,
        "Most time a call of S3 may take with its further attempts; a large object has a second more for each 2 MB.",
    )
    s3_attempts: int = option("IMGOPT_S3_ATTEMPTS", integer(1, 10), 3, "Attempts at a call of S3 within that time.")
    masters_cache_mb: int = option(
        "IMGOPT_MASTERS_CACHE_MB",
        integer(0, 10**9),
        2048,
        "Disk that a machine's copies of masters on S3 may take; the least recently used go first. 0: no copies.",
    )

    # Masters
    upload_max_bytes: int = option(
        "IMGOPT_UPLOAD_MAX_BYTES", integer(1_000, 10**10), 100_000_000, "Most bytes of all files in one upload request."
    )
    upload_max_files: int = option("IMGOPT_UPLOAD_MAX_FILES", integer(1, 1000), 50, "Most files in one upload request.")
    limit_megapixels: dict[str, float] = option(
        "IMGOPT_LIMIT_MEGAPIXELS",
        megapixels,
        None,
        "Most pixels × pages a master may have, in millions by format, such as jpeg=100,avif=40.",
    )
    limit_pages: int = option("IMGOPT_LIMIT_PAGES", integer(1, 10_000), 200, "Most pages or frames of a master.")
    limit_output_side: int = option(
        "IMGOPT_LIMIT_OUTPUT_SIDE", integer(16, 65_535), 8192, "Longest side of a variant, in pixels."
    )
    limit_output_megapixels: float = option(
        "IMGOPT_LIMIT_OUTPUT_MEGAPIXELS", number(0.1, 1000), 40.0, "Most pixels of a variant, in millions."
    )

    # Rendering
    render_processes: int = option(
        "IMGOPT_RENDER_PROCESSES", integer(0, 256), 0, "Render children of a server process; 0: one a core."
    )
    render_timeout_seconds: float = option(
        "IMGOPT_RENDER_TIMEOUT_SECONDS",
        number(0.1, 600),
        20.0,
        "Wall-clock limit of one render; a search for a final has four times as long.",
    )
    render_queue: int = option(
        "IMGOPT_RENDER_QUEUE", integer(0, 10_000), 128, "Renders that may wait; beyond it the answer is 503."
    )
    render_memory_mb: int = option(
        "IMGOPT_RENDER_MEMORY_MB",
        integer(64, 10**6),
        1536,
        "Memory that running renders may need together, by format and size of masters and results.",
    )
    render_log: str = option(
        "IMGOPT_RENDER_LOG", plain, "", "A file to which every render appends a line; for tests and benchmarks."
    )
    quality_metrics: tuple[str, ...] = option(
        "IMGOPT_QUALITY_METRICS",
        metrics,
        (),
        "Further metrics in receipts, beside SSIM: ssimulacra2 (`pip install imgopt[ssimulacra2]`). Empty: none.",
    )

    # Delivery
    delivery_ladder: tuple[int, ...] = option(
        "IMGOPT_DELIVERY_LADDER", ladder, DEFAULT_LADDER, "Widths that are rendered; a width is snapped up to one."
    )
    delivery_memory_mb: int = option(
        "IMGOPT_DELIVERY_MEMORY_MB", integer(0, 10**6), 256, "Memory tier of a server process."
    )
    delivery_variants_mb: int = option(
        "IMGOPT_DELIVERY_VARIANTS_MB",
        integer(1, 10**9),
        4096,
        "Disk that variants may take; the least recently used go first. Not for S3.",
    )
    delivery_redis_max_kb: int = option(
        "IMGOPT_DELIVERY_REDIS_MAX_KB",
        integer(0, 10_000),  # more does not come over a network within the 250 ms of a call
        1000,
        "Largest variant that is kept in Redis too; 0: none.",
    )
    delivery_redis_days: int = option(
        "IMGOPT_DELIVERY_REDIS_DAYS",
        integer(1, 365),
        7,
        "Days a master's variants stay in Redis after the last one was put there.",
    )
    delivery_quality: int | Target | None = option(
        "IMGOPT_DELIVERY_QUALITY",
        quality,
        TARGETS["good"],
        "What a URL without q gets: any value of q, or default for each format's own fixed quality.",
    )
    delivery_drafts: bool = option(
        "IMGOPT_DELIVERY_DRAFTS",
        boolean,
        True,
        "Whether a draft is answered first where a final would take longer than the budget.",
    )
    delivery_budget_ms: int = option(
        "IMGOPT_DELIVERY_BUDGET_MS",
        integer(0, 600_000),
        250,
        "Milliseconds a final may take without a draft before it.",
    )
    delivery_max_age_seconds: int = option(
        "IMGOPT_DELIVERY_MAX_AGE_SECONDS",
        integer(0, 31_536_000),
        60,
        "max-age of URLs without a revision.",
    )
    delivery_cdn_seconds: int = option(
        "IMGOPT_DELIVERY_CDN_SECONDS",
        integer(0, 31_536_000),
        50,
        "Most seconds nginx answers a public URL without asking whether it still holds; 0: it keeps none.",
    )
    delivery_cors_origin: str = option(
        "IMGOPT_DELIVERY_CORS_ORIGIN",
        plain,
        "*",
        "Access-Control-Allow-Origin of variants; set but empty: not sent.",
        empty="value",
    )
    delivery_miss_rate: float = option(
        "IMGOPT_DELIVERY_MISS_RATE", number(0.01, 10**6), 100.0, "Renders an address may cause, a second."
    )
    delivery_miss_burst: int = option(
        "IMGOPT_DELIVERY_MISS_BURST", integer(1, 10**6), 1000, "Renders an address may cause at once."
    )
    signing_keys: tuple[tuple[str, str], ...] = option(
        "IMGOPT_SIGNING_KEYS",
        signing_keys,
        (),
        "kid:hex64,… replaces the table of signing keys: the first signs, all verify.",
        secret=True,
        empty="refused",
    )

    delivery_presets: tuple[tuple[str, str], ...] = option(
        "IMGOPT_DELIVERY_PRESETS",
        presets,
        (),
        "Named specs, such as hero:w=1600&ar=16:9&fit=crop;thumb:w=200; they outweigh those of the admin.",
    )
    delivery_strict: bool = option(
        "IMGOPT_DELIVERY_STRICT", boolean, False, "Whether only presets and the ladder's widths are delivered."
    )
    delivery_client_hints: bool = option(
        "IMGOPT_DELIVERY_CLIENT_HINTS",
        boolean,
        False,
        "Whether w=auto and dpr=auto follow the client's hints; else they are refused.",
    )
    delivery_error_picture: str = option(
        "IMGOPT_DELIVERY_ERROR_PICTURE",
        plain,
        "",
        "Id or key of a master that is delivered where a picture cannot be; empty: the error is told as JSON.",
    )

    # Origins
    origins: tuple[tuple[str, str], ...] = option(
        "IMGOPT_ORIGINS",
        origins,
        (),
        "Where masters may be taken from by URL, such as "
        "shop=https://shop.example.com/media,archive=s3://bucket/prefix,scans=file:///srv/scans.",
    )
    origins_private_networks: tuple[str, ...] = option(
        "IMGOPT_ORIGINS_PRIVATE_NETWORKS",
        networks,
        (),
        "Private networks that https:// and http:// origins may lie in. Empty: none.",
    )
    origins_max_bytes: int = option(
        "IMGOPT_ORIGINS_MAX_BYTES", integer(1_000, 10**10), 50_000_000, "Most bytes of a picture taken from an origin."
    )
    origins_timeout_seconds: float = option(
        "IMGOPT_ORIGINS_TIMEOUT_SECONDS", number(0.1, 600), 10.0, "Most time an origin may take for a picture."
    )
    origins_max_age_seconds: int = option(
        "IMGOPT_ORIGINS_MAX_AGE_SECONDS",
        integer(1, 31_536_000),
        3600,
        "After this an origin is asked whether its picture has changed.",
    )

    # Watching
    metrics_networks: tuple[str, ...] = option(
        "IMGOPT_METRICS_NETWORKS",
        networks,
        ("127.0.0.0/8", "::1/128"),
        "Networks that may read /metrics without a token.",
    )
    metrics_token: str = option(
        "IMGOPT_METRICS_TOKEN",
        secret,
        "",
        "Bearer token that opens /metrics from anywhere.",
        secret=True,
        empty="refused",
    )
    otel_endpoint: str = option(
        "IMGOPT_OTEL_ENDPOINT",
        http_address,
        "",
        "OpenTelemetry collector that is sent traces by OTLP over HTTP (`pip install imgopt[otel]`), such as "
        "http://127.0.0.1:4318; empty: none.",
    )
    otel_sample: float = option(
        "IMGOPT_OTEL_SAMPLE",
        number(0, 1),
        0.1,
        "Share of the traces begun here that are kept; others decide themselves.",
    )
    api_docs: bool = option("IMGOPT_API_DOCS", boolean, True, "Whether /api/docs/ and the API's schema are shown.")

    # API keys
    apikeys_env: str = option("IMGOPT_APIKEYS_ENV", plain, "live", "Second word of new API keys.")
    apikeys_rate: float = option("IMGOPT_APIKEYS_RATE", number(0.01, 10**6), 20.0, "Calls a second of a new API key.")
    apikeys_burst: int = option("IMGOPT_APIKEYS_BURST", integer(1, 10**6), 100, "Calls at once of a new API key.")
    apikeys_anonymous_rate: float = option(
        "IMGOPT_APIKEYS_ANONYMOUS_RATE",
        number(0.001, 10**6),
        1.0,
        "Calls a second without a right key, an address.",
    )
    apikeys_anonymous_burst: int = option(
        "IMGOPT_APIKEYS_ANONYMOUS_BURST", integer(1, 10**6), 20, "Calls at once without a right key, an address."
    )

    @property
    def public_url(self) -> str:
        """The start of every absolute URL, without a closing slash."""
        return self.base_url or f"http://{self.host}:{self.port}"
