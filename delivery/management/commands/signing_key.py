"""Signing keys on the command line: list, show, rotate, revoke."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from delivery import keyring
from delivery.models import SigningKey


class Command(BaseCommand):
    help = "List the signing keys, show one for a site that signs itself, make a new one, or revoke one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="Show which key signs and which verify.")
        actions.add_parser("rotate", help="Make a new key; the older ones go on verifying.")
        show = actions.add_parser("show", help="Print a key's secret, for a site that signs its URLs itself.")
        show.add_argument("kid")
        revoke = actions.add_parser("revoke", help="End a key; what it signed is refused from now on.")
        revoke.add_argument("kid")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["action"] == "show":
            self._show(options["kid"])
        elif settings.IMGOPT_SIGNING_KEYS:
            if options["action"] != "list":
                raise CommandError("IMGOPT_SIGNING_KEYS names the keys: change them there.")
            for place, (kid, _) in enumerate(settings.IMGOPT_SIGNING_KEYS):
                self.stdout.write(f"{kid}  {'signs' if place == 0 else 'verifies'}  (environment)")
        elif options["action"] == "rotate":
            self.stdout.write(f"{keyring.rotate().kid} signs from now on.")
        elif options["action"] == "revoke":
            if not keyring.revoke(options["kid"]):
                raise CommandError(f"Expected the id of a key that verifies, received {options['kid']!r}.")
            self.stdout.write(f"{options['kid']} is revoked.")
        else:
            self._list()

    def _show(self, kid: str) -> None:
        secret = keyring.refresh().secrets.get(kid)
        if secret is None:
            raise CommandError(f"Expected the id of a key that verifies, received {kid!r}.")
        self.stdout.write(secret.hex())

    def _list(self) -> None:
        signer = keyring.refresh().signer
        for row in SigningKey.objects.all():
            state = "revoked" if row.revoked_at else "signs" if signer and row.kid == signer.kid else "verifies"
            self.stdout.write(f"{row.kid}  {state}  {row.created_at:%Y-%m-%d %H:%M}")
