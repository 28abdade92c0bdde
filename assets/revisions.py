"""Revisions of references: what a key or an origin's path has once said in a URL, it never says of another picture.

A URL names its master by a reference and says the revision, and is kept for a year by browsers. So when a key goes on
to another master, or is used again after a deletion, the revision goes on above the highest that it had.
"""

from __future__ import annotations

from assets.models import Master, RetiredReference


def retire(master: Master) -> None:
    """This will note which revision the references of a master have reached, before it loses them."""
    for reference in filter(None, (master.key, master.at_origin)):
        row, is_new = RetiredReference.objects.get_or_create(
            reference=reference, defaults={"revision": master.revision}
        )
        if not is_new:
            RetiredReference.objects.filter(id=row.id, revision__lt=master.revision).update(revision=master.revision)


def settle(master: Master, reference: str | None) -> None:
    """This will raise a master's revision above all that its new reference has had.

    To be called when the row has that reference already: then nobody else can be about to lose it.
    """
    retired = RetiredReference.objects.filter(reference=reference).first() if reference else None
    if retired is not None and master.revision <= retired.revision:
        master.revision = retired.revision + 1
        Master.objects.filter(id=master.id).update(revision=master.revision)
