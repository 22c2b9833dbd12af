"""What no password may be: one that a guesser soon reaches, or one made of the words of this place.

Neither asks for signs of some kind, and neither sends a password anywhere (docs/security.md, Ways to sign in).
"""

import re
from functools import cache

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from galaxy.core.models import Membership, User
from galaxy.core.scope import workspace_scope

PLACE_WORDS = (
    "galaxy", "agent", "admin", "owner", "approver", "auditor", "creator", "member", "workspace", "marketplace",
    "password",
)  # fmt: skip
LEFT = 8  # signs that have to be left once those words are taken out
FEWEST_GUESSES = 10**10  # of offline guessing by words, names, dates, keyboards and repeats
_READ = 72  # signs of a password that the guesser looks at; its time grows with their square


class GuessableValidator:
    """Refuses what zxcvbn, a model of guessing, expects to be found soon; and leaked passwords that are drawn out."""

    def validate(self, password: str, user: User | None = None) -> None:
        from zxcvbn import zxcvbn  # reads its dictionaries, which few requests need

        is_guessed = zxcvbn(password[:_READ], user_inputs=words_around(user))["guesses"] < FEWEST_GUESSES
        if is_guessed or _is_leaked_with_a_tail(password.lower()):
            raise ValidationError(
                "This password is soon guessed. Take a few words that do not belong together.", code="guessable"
            )

    def get_help_text(self) -> str:
        return "Your password can't be one that is soon guessed, such as a word with a number."


class PlaceWordsValidator:
    """Refuses what is made of the words of this place: Galaxy's own, the workspaces' names, and the person's."""

    def validate(self, password: str, user: User | None = None) -> None:
        left = password.casefold()
        for word in sorted(words_around(user), key=len, reverse=True):
            left = left.replace(word, "")
        if left != password.casefold() and len(left) < LEFT:
            raise ValidationError(
                "This password is made of words that anybody here would try. Take others.", code="place_words"
            )

    def get_help_text(self) -> str:
        return "Your password can't be made of the words of this place, such as your workspace's name."


def _is_leaked_with_a_tail(password: str) -> bool:
    """Whether a leaked one is what it begins with, and little or the same over again is what follows."""
    heads = (password[:cut] for cut in range(min(len(password) - 1, _longest_leaked()), 3, -1))
    found = next((head for head in heads if head in _leaked()), "")
    if not found:
        return False
    again = found * (len(password) // len(found) + 1)
    return len(password) - len(found) < LEFT or password == again[: len(password)]


@cache
def _leaked() -> frozenset[str]:
    return frozenset(CommonPasswordValidator().passwords)


@cache
def _longest_leaked() -> int:
    return max(map(len, _leaked()))


def words_around(user: User | None) -> list[str]:
    """Words that somebody who knows where ``user`` works would try, in small letters."""
    texts = [*PLACE_WORDS]
    if user is not None:
        texts += [user.email, user.name, *_workspaces_of(user)]
    words = {word for text in texts for word in re.split(r"[\W_]+", text.casefold()) if len(word) > 3}
    return sorted(words)


def _workspaces_of(user: User) -> list[str]:
    if user._state.adding:
        return []
    with workspace_scope(user=user.pk):
        return list(Membership.objects.filter(user=user).values_list("workspace__name", flat=True))
