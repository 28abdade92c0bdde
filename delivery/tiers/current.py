"""The lasting tiers that the settings ask for, each behind its guard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.files.storage import storages

from delivery.tiers import Tier
from delivery.tiers.guard import Guarded
from delivery.tiers.storage import lasting_tier

if TYPE_CHECKING:
    from delivery.tiers.shared import SharedTier


def lasting_tiers(config: Any) -> tuple[list[Tier], SharedTier | None]:
    """This will give them, the fastest first, and the one in Redis as it is without its guard."""
    lasting: list[Tier] = [Guarded(lasting_tier(storages["variants"], config.delivery_variants_mb * 1_000_000))]
    if not config.redis_url:
        return lasting, None
    # To import Redis's client takes a quarter of a second, which the embedded shape has no use for.
    from django_redis import get_redis_connection

    from delivery.redis_link import Resting
    from delivery.tiers.shared import SharedTier

    shared = SharedTier(
        get_redis_connection("shared"),
        config.redis_prefix,
        max_bytes=config.delivery_redis_max_kb * 1000,
        keep_seconds=config.delivery_redis_days * 86_400,
    )
    return [Guarded(shared, resting=Resting), *lasting], shared
