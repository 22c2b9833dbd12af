"""What the environment set up, and what it left out. Development is forgiven what production is not."""

from django.conf import settings

from galaxy.core.demo import LOGINS
from galaxy.core.models import User
from galaxy.core.ops.conditions import BAD, GOOD, WARN, Condition, look
from galaxy.core.ops.sso import single_sign_on

SHORTEST_KEY = 50  # what Django's own deployment check asks for (django/core/checks/security/base.py)
MAIL_TO_NOBODY = ("console", "locmem", "dummy", "filebased")


def configuration() -> list[Condition]:
    found = look(
        [
            ("environment", environment),
            ("secret key", secret_key),
            ("hosts", hosts),
            ("https", https),
            ("mail", mail),
            ("static files", static_files),
            ("demo accounts", demo_accounts),
        ]
    )
    return found + single_sign_on()


def environment() -> Condition:
    if settings.HARDENED:
        return Condition("environment", GOOD, "This is production.")
    return Condition(
        "environment",
        GOOD,
        "This is development: Galaxy starts its own servers, cookies travel without TLS, and errors show their source.",
    )


def secret_key() -> Condition:
    key = settings.SECRET_KEY
    if settings.HARDENED and (len(key) < SHORTEST_KEY or len(set(key)) < 5):
        return Condition(
            "secret key",
            BAD,
            f"SECRET_KEY has {len(key)} characters; {SHORTEST_KEY} random ones are wanted.",
            "Whoever guesses it can forge sessions and reset links.",
            "Make one with python -c 'import secrets; print(secrets.token_urlsafe(50))' and set SECRET_KEY_FILE to it.",
        )
    old = len(settings.SECRET_KEY_FALLBACKS)
    if old:
        return Condition(
            "secret key",
            WARN,
            f"{old} older keys still open sessions and links.",
            "A rotation is under way; a key that leaked stays useful until it is taken out.",
            f"Empty SECRET_KEY_FALLBACKS {settings.SESSION_COOKIE_AGE // 86400} days after the rotation.",
        )
    return Condition("secret key", GOOD, "The signing key is set.")


def hosts() -> Condition:
    names = settings.ALLOWED_HOSTS
    if "*" in names or any(name.startswith(".") for name in names) or (settings.HARDENED and not names):
        return Condition(
            "hosts",
            BAD,
            "ALLOWED_HOSTS is empty or has a wildcard.",
            "Links in mails take the name of the request, so a forged one would send people elsewhere; none at all "
            "refuses every request.",
            "Set ALLOWED_HOSTS to the exact names people type, separated by commas.",
        )
    return Condition("hosts", GOOD, f"{len(names)} host names are answered, and no others.")


def https() -> Condition:
    if not settings.HARDENED:
        return Condition("https", GOOD, "Development speaks plain HTTP with this machine.")
    if not settings.SECURE_SSL_REDIRECT:
        return Condition(
            "https",
            WARN,
            "SECURE_SSL_REDIRECT is off.",
            "Whoever types the address without https stays on it, where no cookie is sent and nobody can sign in.",
            "Leave it on, unless the proxy redirects already.",
        )
    if not getattr(settings, "SECURE_PROXY_SSL_HEADER", None):
        return Condition(
            "https",
            WARN,
            "BEHIND_PROXY is off, so this process itself must end TLS.",
            "Behind a proxy that ends it, every request would be sent to https again, for ever.",
            "Set BEHIND_PROXY=true where a proxy sets X-Forwarded-Proto and strips what clients send in it.",
        )
    return Condition("https", GOOD, "Everything is sent to https, as the proxy in front reports it.")


def mail() -> Condition:
    backend = settings.EMAIL_BACKEND.rpartition(".")[0].rpartition(".")[2]
    if backend in MAIL_TO_NOBODY:
        return Condition(
            "mail",
            BAD if settings.HARDENED else WARN,
            f"Mail goes to {backend}, which reaches nobody.",
            "Invitations, confirmations and password resets do not arrive; their links may stand in the log.",
            "Set EMAIL_BACKEND to django.core.mail.backends.smtp.EmailBackend and EMAIL_HOST to your server.",
        )
    return Condition("mail", GOOD, f"Mail leaves by {backend}.")


def static_files() -> Condition:
    if settings.DEBUG or (settings.STATIC_ROOT / "staticfiles.json").exists():
        return Condition("static files", GOOD, "Styles and scripts are in place.")
    return Condition(
        "static files",
        BAD,
        "The styles and scripts are not collected.",
        "Every page answers 500.",
        "Run manage.py collectstatic.",
    )


def demo_accounts() -> Condition:
    emails = [email for _, email, _ in LOGINS]
    count = User.objects.filter(email__in=emails, is_active=True).count()
    if count and settings.HARDENED:
        return Condition(
            "demo accounts",
            BAD,
            f"{count} demo accounts can sign in here.",
            "Their password is printed in the source.",
            "Switch them off, or begin with an empty database.",
        )
    return Condition("demo accounts", GOOD, f"{count} demo accounts." if count else "There are no demo accounts.")
