"""A new password for somebody who lost theirs."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from imgopt.setup import ADMIN_NAME


class Command(BaseCommand):
    help = "Give a user a new generated password and print it once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", nargs="?", default=ADMIN_NAME)

    def handle(self, *_args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"Expected the name of a user, received {options['user']!r}.")
        password = secrets.token_urlsafe(12)
        user.set_password(password)
        user.save()
        self.stdout.write(f"user      {user.get_username()}\npassword  {password}")
