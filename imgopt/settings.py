"""Django's settings, derived from `imgopt.config`: nothing here reads the environment itself."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config as S3Config

from assets.s3.attempts import CONNECT_SHARE, READ_SHARE
from imgopt.config import Config
from imgopt.database import database, of_servers, of_workers
from imgopt.loading import load
from imgopt.logs import configure
from imgopt.values import BASE_DIR

CONFIG: Config = load(os.environ, env_file=Path(os.environ.get("IMGOPT_ENV_FILE", BASE_DIR / ".env")))


def _kept_secret(file: Path) -> str:
    """This will read the secret in `file`, making it on first use; two processes starting together agree."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    if not file.exists():
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(50))
        try:
            os.link(fresh, file)  # fails where another process was first; then its secret counts
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return file.read_text()


IMGOPT_DATA_DIR = CONFIG.data_dir
IMGOPT_DATA_DIR.mkdir(parents=True, exist_ok=True)
SECRET_KEY = CONFIG.secret_key or _kept_secret(IMGOPT_DATA_DIR / "secret_key")
SECRET_KEY_FALLBACKS = list(CONFIG.secret_key_former)
DEBUG = CONFIG.debug
ALLOWED_HOSTS = [*CONFIG.allowed_hosts, urlsplit(CONFIG.public_url).hostname or "", CONFIG.host]
SECURE = CONFIG.public_url.startswith("https://")

INSTALLED_APPS = [
    "imgopt",
    "jobs",
    "jobs.notifications",
    "delivery",
    "assets",
    "apikeys",
    "metrics",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "imgopt.errors.ErrorMiddleware",
    "imgopt.bodies.Bodies",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "imgopt.urls"
WSGI_APPLICATION = "imgopt.wsgi.application"
APPEND_SLASH = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES: dict[str, dict[str, Any]] = {"default": database(CONFIG, IMGOPT_DATA_DIR)}
IMGOPT_SERVER_DATABASE = of_servers(DATABASES["default"], CONFIG)
IMGOPT_WORKER_DATABASE = of_workers(DATABASES["default"], CONFIG)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_OPTIONS = {
    # Timeouts and the breaker are there, once for all that use it.
    "CONNECTION_POOL_CLASS": "delivery.redis_link.Pool",
    "REDIS_CLIENT_CLASS": "delivery.redis_link.Client",
    "SOCKET_CONNECT_TIMEOUT": 0.25,
    "SOCKET_TIMEOUT": 0.25,
    "SERIALIZER": "delivery.redis_link.PlainBytes",
}
CACHES: dict[str, dict[str, Any]] = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if CONFIG.redis_url:
    CACHES["shared"] = {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": CONFIG.redis_url,
        "KEY_PREFIX": CONFIG.redis_prefix,
        "OPTIONS": REDIS_OPTIONS,
    }

IMGOPT_S3_OPTIONS: dict[str, Any] = {
    "endpoint_url": CONFIG.s3_endpoint_url or None,
    "region_name": CONFIG.s3_region_name,
    "access_key": CONFIG.s3_access_key_id or None,
    "secret_key": CONFIG.s3_secret_access_key or None,
    "client_config": S3Config(
        # A request waits for these while it holds a place and a lock: a hanging S3 must not keep them for minutes.
        connect_timeout=CONFIG.s3_timeout_seconds * CONNECT_SHARE,
        read_timeout=CONFIG.s3_timeout_seconds * READ_SHARE,
        retries={"total_max_attempts": 1},  # `assets.s3.attempts` tries again, and knows when to stop
        max_pool_connections=CONFIG.server_threads,
        signature_version="s3v4",
        # The checksums that newer clients send by themselves, Ceph, GCS and older MinIO refuse.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "addressing_style": ("path" if CONFIG.s3_endpoint_url else "auto")
            if CONFIG.s3_addressing_style == "auto"
            else CONFIG.s3_addressing_style
        },
    ),
}


def _storage(folder: str, bucket: str) -> dict[str, Any]:
    if CONFIG.storage == "s3":
        return {"BACKEND": "assets.s3.storage.SharedS3Storage", "OPTIONS": {"bucket_name": bucket}}
    return {"BACKEND": "assets.disk.AtomicFileSystemStorage", "OPTIONS": {"location": IMGOPT_DATA_DIR / folder}}


STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "masters": _storage("masters", CONFIG.masters_bucket),
    "variants": _storage("variants", CONFIG.variants_bucket),
}
FILE_UPLOAD_TEMP_DIR = str(IMGOPT_DATA_DIR / "tmp")
Path(FILE_UPLOAD_TEMP_DIR).mkdir(exist_ok=True)
FILE_UPLOAD_HANDLERS = ["assets.uploads.HashingUploadHandler"]
DATA_UPLOAD_MAX_NUMBER_FILES = CONFIG.upload_max_files
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if CONFIG.trusted_proxies else None
CSRF_TRUSTED_ORIGINS = [CONFIG.public_url]
X_FRAME_OPTIONS = "DENY"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apikeys.drf.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["apikeys.drf.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["apikeys.drf.KeyThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["imgopt.rest.JsonParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "imgopt.rest.AlwaysJson",
    "EXCEPTION_HANDLER": "imgopt.errors.handle_api_exception",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "imgopt.schema.ApiSchema",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "imgopt",
    "DESCRIPTION": "Masters, their signed variants and their markup. Every call needs an API key with the scope shown.",
    "VERSION": "1",
    "SERVERS": [{"url": "/"}],  # where the description was read: the page's own calls then stay on its host
    "TAGS": [
        {"name": "masters", "description": "Store, find, change and delete originals."},
        {"name": "delivery", "description": "Signed URLs, markup and purging of variants."},
        {"name": "jobs", "description": "Copies of masters, made in the background: icecube's job API."},
        {"name": "batches", "description": "Variants of many masters, rendered in the background."},
    ],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "imgopt.schema.complete"],
    "ENUM_NAME_OVERRIDES": {
        "JobStatus": "jobs.compat.descriptions.JOB_STATUSES",
        "BatchStatus": "jobs.batches.descriptions.BATCH_STATUSES",
    },
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATION_PARAMETERS": False,
}

LOGGING_CONFIG = None
configure(level=CONFIG.log_level, style=CONFIG.log_format)

IMGOPT_PUBLIC_URL = CONFIG.public_url
IMGOPT_SIGNING_KEYS = CONFIG.signing_keys
IMGOPT_TRUSTED_PROXIES = CONFIG.trusted_proxies
IMGOPT_APIKEYS_ENV = CONFIG.apikeys_env
IMGOPT_APIKEYS_RATE = CONFIG.apikeys_rate
IMGOPT_APIKEYS_BURST = CONFIG.apikeys_burst
IMGOPT_APIKEYS_ANONYMOUS_RATE = CONFIG.apikeys_anonymous_rate
IMGOPT_APIKEYS_ANONYMOUS_BURST = CONFIG.apikeys_anonymous_burst
