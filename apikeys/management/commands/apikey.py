from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apikeys import scopes, service
from apikeys.durations import parse_duration
from apikeys.models import ApiKey
from apikeys.service import IssuedKey
from pipeline.errors import BadParameter


class Command(BaseCommand):
    help = "Issue, list, rotate and revoke API keys. A new key alone goes to standard output, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        issue = verbs.add_parser("issue", help="make a key and print it once")
        issue.add_argument("--name", required=True, help="who or what uses it")
        issue.add_argument("--scopes", required=True, help=f"out of {','.join(scopes.NAMES)}, separated by commas")
        issue.add_argument("--owner", help="user name of its owner")
        issue.add_argument("--expires-in", help="such as 90d or 12h; left out: it does not expire")
        issue.add_argument("--rate", type=float, help="calls a second")
        issue.add_argument("--burst", type=int, help="calls at once")
        issue.add_argument("--env", help="second word of the key; left out: IMGOPT_APIKEYS_ENV")
        verbs.add_parser("list", help="show all keys, without their secrets")
        rotate = verbs.add_parser("rotate", help="issue a successor and end the old key later")
        rotate.add_argument("prefix")
        rotate.add_argument("--overlap", default="1d", help="how long the old key still works, such as 1d or 0s")
        revoke = verbs.add_parser("revoke", help="end a key at once")
        revoke.add_argument("prefix")

    def handle(self, *, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")(options)
        except BadParameter as error:
            raise CommandError(error.message) from error

    def _issue(self, options: dict[str, Any]) -> None:
        now = timezone.now()
        span = options["expires_in"]
        issued = service.issue(
            name=options["name"],
            scopes=[word.strip() for word in options["scopes"].split(",")],
            owner=_get_user(options["owner"]) if options["owner"] else None,
            expires_at=now + parse_duration(span) if span else None,
            rate_per_second=options["rate"],
            burst=options["burst"],
            env=options["env"],
            now=now,
        )
        self._show(issued)

    def _list(self, _options: dict[str, Any]) -> None:
        now = timezone.now()
        row = "{:<10}{:<9}{:<26}{:<18}{:<18}{}"
        self.stdout.write(row.format("prefix", "status", "scopes", "expires", "last used", "name"))
        for key in ApiKey.objects.all():
            times = [f"{at:%Y-%m-%d %H:%M}" if at else "never" for at in (key.expires_at, key.last_used_at)]
            self.stdout.write(row.format(key.prefix, key.status_at(now), ",".join(key.scopes), *times, key.name))

    def _rotate(self, options: dict[str, Any]) -> None:
        self._show(service.rotate(_get_key(options["prefix"]), parse_duration(options["overlap"])))

    def _revoke(self, options: dict[str, Any]) -> None:
        key = _get_key(options["prefix"])
        done = service.revoke(key)
        self.stderr.write(f"{key.prefix} is revoked." if done else f"{key.prefix} was revoked before.")

    def _show(self, issued: IssuedKey) -> None:
        self.stdout.write(issued.token)
        self.stderr.write("Keep it: it is not shown again.")


def _get_key(prefix: str) -> ApiKey:
    try:
        return ApiKey.objects.get(prefix=prefix)
    except ApiKey.DoesNotExist as error:
        raise CommandError(f"Expected the prefix of an API key, received {prefix!r}.") from error


def _get_user(name: str) -> Any:
    users = get_user_model()
    try:
        return users._default_manager.get_by_natural_key(name)
    except users.DoesNotExist as error:
        raise CommandError(f"Expected the name of a user for --owner, received {name!r}.") from error
