"""Asking for a page as somebody who is signed in."""

from collections.abc import Callable
from typing import Any


def asking(person: Any, address: str) -> Callable[[], Any]:
    from allauth.usersessions.models import UserSession
    from django.test import Client

    client = Client()
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    UserSession.objects.create(user=person, ip="127.0.0.1", user_agent="bench", session_key=client.session.session_key)

    def ask() -> Any:
        answer = client.get(address)
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answered {answer.status_code}")
        return answer

    return ask
