"""Logins are limited by address."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from imgopt.login import BURST

LOGIN = "/admin/login/?next=/admin/"


@pytest.mark.django_db
def test_admits_ten_attempts_at_once_and_then_not_even_the_right_password() -> None:
    get_user_model().objects.create_superuser("ada", password="right-password")
    stranger, owner = Client(REMOTE_ADDR="203.0.113.7"), Client(REMOTE_ADDR="198.51.100.1")
    right = {"username": "ada", "password": "right-password"}
    for _ in range(BURST):
        answer = stranger.post(LOGIN, {"username": "ada", "password": "guess"})
        assert b"Please enter the correct" in answer.content
    refused = stranger.post(LOGIN, right)
    assert b"Too many attempts from this address" in refused.content

    assert owner.post(LOGIN, right).status_code == 302, "others are not locked out"
