"""Django's settings for Galaxy: one file, every value from the environment, development by default.

``GALAXY_ENV=production`` (or ``DEBUG=false``) turns every convenience off and names what is missing.
"""

import os
import re
import secrets
from pathlib import Path

import dj_database_url
from celery.schedules import crontab
from csp.constants import NONE, SELF

from galaxy.core.sso.configuration import (
    domains_from_environment,
    origins_from_environment,
    providers_from_environment,
)
from galaxy.embedded.paths import Places
from galaxy.env import SettingError, env_bool, env_int, env_list, env_secret, env_str
from galaxy.queue import queue_at

BASE_DIR = Path(__file__).resolve().parent.parent
PRODUCTION = env_str("GALAXY_ENV", "development") == "production"
DEBUG = env_bool("DEBUG", default=not PRODUCTION)
if PRODUCTION and DEBUG:
    raise SettingError("GALAXY_ENV is production and DEBUG is on. Set DEBUG=false.")
HARDENED = PRODUCTION or not DEBUG
DATA_DIR = Path(env_str("GALAXY_DATA_DIR") or BASE_DIR / ".galaxy").resolve()


def _development_key() -> str:
    """A signing key of this checkout's own, kept beside its data, so that sessions outlive a restart."""
    path = DATA_DIR / "secret-key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(secrets.token_urlsafe(50), encoding="ascii")
        path.chmod(0o600)
    return path.read_text(encoding="ascii")


def _servers() -> tuple[str, str, str, str]:
    """Addresses of PostgreSQL (application and owner role), Valkey for the cache, and the broker.

    What the environment leaves out is started here, on this machine, outside production.
    """
    names = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "CELERY_BROKER_URL")
    app, owner, redis, broker = (env_str(name) for name in names)
    broker = broker or redis
    if app and redis:
        return app, owner or app, redis, broker
    if HARDENED:
        missing = " and ".join(name for name, value in (("DATABASE_URL", app), ("REDIS_URL", redis)) if not value)
        raise SettingError(
            f"{missing} must be set: outside development Galaxy starts no database or broker of its own."
        )
    from galaxy.embedded import EmbeddedError, ensure, wanted

    try:
        here = ensure(DATA_DIR, wanted())
    except EmbeddedError as error:
        raise SettingError(str(error)) from error
    if not app:
        app, owner = here.database_url, here.database_owner_url
    return app, owner or app, redis or here.redis_url, broker or here.broker_url


SECRET_KEY = env_secret("SECRET_KEY", development=None if HARDENED else _development_key())
SECRET_KEY_FALLBACKS = env_list("SECRET_KEY_FALLBACKS")
_app_url, _owner_url, REDIS_URL, _broker_url = _servers()

ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", default=() if HARDENED else ("localhost", "127.0.0.1", "[::1]"))
if not ALLOWED_HOSTS:
    raise SettingError("ALLOWED_HOSTS is not set. Set it to the names that the console answers to, with commas.")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "galaxy",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "guardian",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.socialaccount.providers.saml",
    "allauth.usersessions",
    "csp",
    "galaxy.core",
    "registry",
    "policies",
    "sandbox",
    "marketplace",
]

MIDDLEWARE = [
    "galaxy.core.middleware.RequestIdMiddleware",
    "galaxy.core.ops.request_log.RequestLogMiddleware",
    "galaxy.core.telemetry.traceparent.TraceparentMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "galaxy.core.middleware.HeadersMiddleware",
    "galaxy.core.middleware.PlainHttpMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",  # below the headers, which stand on files too
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "galaxy.core.session_store.PersonMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "galaxy.core.sessions.SessionLimitsMiddleware",
    "galaxy.core.middleware.TimeZoneMiddleware",
    "galaxy.core.middleware.ScopeMiddleware",
    "galaxy.core.middleware.BodyLimitMiddleware",
    "galaxy.core.second_factor.SecondFactorMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "galaxy.core.middleware.ProblemMiddleware",
    "galaxy.core.recent_proof.RecentProofMiddleware",
]

ROOT_URLCONF = "galaxy.urls"
WSGI_APPLICATION = "galaxy.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "galaxy.core.context.shell",
            ],
        },
    }
]
FORM_RENDERER = "galaxy.core.ui.rendering.FormRenderer"

# --- PostgreSQL: the application's role meets row-level security; the owner's role only migrates ---------------


# A server of which nothing at all is heard for so long is away, and whoever waits for it is told: TCP by itself waits a
# quarter of an hour for an answer, and for ever where nothing was asked.
DATABASE_SILENT_S = max(6, env_int("DATABASE_SILENT_S", 20))
_silence = {
    "connect_timeout": 5,
    "keepalives_idle": DATABASE_SILENT_S // 2,
    "keepalives_interval": DATABASE_SILENT_S // 6,
    "keepalives_count": 3,
    "tcp_user_timeout": DATABASE_SILENT_S * 1000,
}


def _database(url: str, **options: object) -> dj_database_url.DBConfig:
    config = dj_database_url.parse(url)
    config["ENGINE"] = "galaxy.core.db.backend"
    config["CONN_MAX_AGE"] = 0
    config["CONN_HEALTH_CHECKS"] = True  # the pool lets go of connections that a restart of PostgreSQL broke
    found = config.setdefault("OPTIONS", {})
    # PostgreSQL compiles a query that it thinks dear, which takes seconds; ours join much and read few rows.
    flags = f"-c jit=off {found.get('options', '')}".strip()
    found.update(_silence | found | options, prepare_threshold=5, options=flags)
    return config


_pool = {"min_size": 1, "max_size": env_int("DATABASE_POOL", 8), "timeout": 10}
DATABASES = {
    "default": _database(_app_url, pool=_pool) if not env_bool("GALAXY_TESTING", False) else _database(_app_url),
    "owner": _database(_owner_url),
}
_test_name = f"test_galaxy_{env_str('GALAXY_TEST_DB', 'main')}"
DATABASES["owner"]["TEST"] = {"NAME": _test_name, "DEPENDENCIES": []}
DATABASES["default"]["TEST"] = {"MIRROR": "owner"}
DATABASE_ROUTERS = ["galaxy.core.db.router.OwnerMigrates"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Accounts --------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
]
GUARDIAN_RAISE_403 = False
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "galaxy.core.passwords.PlaceWordsValidator"},
    {"NAME": "galaxy.core.passwords.GuessableValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "galaxy.core.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Galaxy] "
PASSWORD_RESET_TIMEOUT = 60 * 60  # of a mailed link, in seconds
ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = 1
ACCOUNT_EMAIL_NOTIFICATIONS = True  # each change of an account is told to its address
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # before a password, an address or a second factor changes
ACCOUNT_REAUTHENTICATION_TIMEOUT = 10 * 60  # seconds that a proof holds, also before galaxy.core.recent_proof's acts
SOCIALACCOUNT_ADAPTER = "galaxy.core.sso.adapter.SocialAccountAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False  # galaxy.core.sso.admission decides whose account an identity opens
SOCIALACCOUNT_STORE_TOKENS = False
# Seals the seeds of second factors; where it is not set, a key derived from SECRET_KEY does.
GALAXY_ACCOUNTS_KEY = env_str("GALAXY_ACCOUNTS_KEY")
MFA_ADAPTER = "galaxy.core.vault.accounts.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Galaxy"
MFA_TOTP_TOLERANCE = 1  # one step of 30 s each way, for clocks that are a little off (RFC 6238, section 5.2)
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HARDENED  # http://localhost
# Whether nobody sees any workspace without a second factor, whatever each workspace asks for.
GALAXY_REQUIRE_SECOND_FACTOR = env_bool("GALAXY_REQUIRE_SECOND_FACTOR", False)
# On a machine of one's own mail is a file to look at: on the console it would hide what else is told there.
_mail = "smtp" if HARDENED else "filebased"
EMAIL_BACKEND = env_str("EMAIL_BACKEND", f"django.core.mail.backends.{_mail}.EmailBackend")
EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_HOST = env_str("EMAIL_HOST", "localhost")
EMAIL_PORT = env_int("EMAIL_PORT", 25)
EMAIL_HOST_USER = env_str("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env_str("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env_str("DEFAULT_FROM_EMAIL", "galaxy@localhost")
GALAXY_URL = env_str("GALAXY_URL")  # https://galaxy.example: for links in mails that no request leads to

# --- Single sign-on (docs/single-sign-on.md) -------------------------------------------------------------------

GALAXY_SSO = providers_from_environment(hardened=HARDENED)
GALAXY_SSO_SIGNUP_DOMAINS = domains_from_environment("GALAXY_SSO_SIGNUP_DOMAINS")
GALAXY_SSO_REDIRECT_ORIGINS = origins_from_environment("GALAXY_SSO_REDIRECT_ORIGINS")
GALAXY_SSO_COUNTS_AS_SECOND_FACTOR = env_bool("GALAXY_SSO_COUNTS_AS_SECOND_FACTOR", False)

# --- Vault -----------------------------------------------------------------------------------------------------

# The root key, as galaxy.core.vault.kms reads it. Only sandboxd is given one: everywhere else the vault is closed.
GALAXY_KMS = env_str("GALAXY_KMS")
GALAXY_KEY_FILE = DATA_DIR / "vault" / "root-keys.json"  # made by `manage.py prepare` outside production

# --- The sealed trail (docs/audit.md) --------------------------------------------------------------------------

# The file of private keys that sign checkpoints. Only the sequencer is given it: nobody else signs.
GALAXY_SIGNING_KEYS = env_str("GALAXY_SIGNING_KEYS")
GALAXY_SIGNING_KEY_FILE = DATA_DIR / "sequencer" / "signing-keys.json"  # made by `manage.py prepare` outside production
# The file of private keys that sign versions for the marketplace (docs/publishing.md), given to sandboxd alone.
GALAXY_MARKETPLACE_KEYS = env_str("GALAXY_MARKETPLACE_KEYS")
GALAXY_MARKETPLACE_KEY_FILE = DATA_DIR / "marketplace" / "signing-keys.json"  # of commands, outside production
# Ids of the marketplace's keys that are believed by themselves; left out, the first that there was.
GALAXY_MARKETPLACE_ROOTS = env_list("GALAXY_MARKETPLACE_ROOTS")
# Copies of every checkpoint outside the database, of which verifying makes use.
GALAXY_CHECKPOINTS_DIR = Path(env_str("GALAXY_CHECKPOINTS_DIR") or DATA_DIR / "checkpoints")

# Whether each commit is on a standby before it is answered, so that one which takes over has lost nothing: then it is
# worked with at once, and not held for a copy (docs/backup.md).
GALAXY_SYNCHRONOUS_STANDBYS = env_bool("GALAXY_SYNCHRONOUS_STANDBYS", False)

# Export packs, until they are fetched; web and workers of several machines share this directory.
GALAXY_EXPORTS_DIR = Path(env_str("GALAXY_EXPORTS_DIR") or DATA_DIR / "exports")
GALAXY_KEEP_EXPORTS_DAYS = env_int("GALAXY_KEEP_EXPORTS_DAYS", 7)

# --- Egress (docs/egress.md) -----------------------------------------------------------------------------------

# host=port: reached on this machine in place of the real host, whose certificate the authority in the file signs.
GALAXY_LOOPBACK_PEERS = env_list("GALAXY_LOOPBACK_PEERS")
GALAXY_LOOPBACK_CA_FILE = env_str("GALAXY_LOOPBACK_CA_FILE")
if (GALAXY_LOOPBACK_PEERS or GALAXY_LOOPBACK_CA_FILE) and HARDENED:
    raise SettingError("GALAXY_LOOPBACK_PEERS and GALAXY_LOOPBACK_CA_FILE are for development: unset both.")
# Hosts of one's own network that the audit trail, and nothing else, may be streamed to, and who signs for them.
GALAXY_INNER_HOSTS = frozenset(env_list("GALAXY_INNER_HOSTS"))
GALAXY_INNER_CA_FILE = env_str("GALAXY_INNER_CA_FILE")

# How long a person's webhook may take nothing before it is switched off, in hours.
GALAXY_NEWS_HOOK_HOURS = env_int("GALAXY_NEWS_HOOK_HOURS", 72)

# Who is asked for the TXT records that prove publishers' domains, as host or host:port; left out, the system's.
GALAXY_NAMESERVERS = env_list("GALAXY_NAMESERVERS")

# --- The assistant (docs/assistant.md) -------------------------------------------------------------------------

# An endpoint like OpenAI's (https://…/v1) that may say sentences of the assistant in other words; off without a model.
PAA_MODEL_URL = env_str("PAA_MODEL_URL")
PAA_MODEL = env_str("PAA_MODEL")
PAA_MODEL_KEY = env_str("PAA_MODEL_KEY")  # for the worker alone
if bool(PAA_MODEL_URL) != bool(PAA_MODEL):
    raise SettingError("PAA_MODEL_URL and PAA_MODEL belong together: set both or neither.")
if PAA_MODEL_URL and not PAA_MODEL_URL.startswith("https://"):
    raise SettingError("PAA_MODEL_URL is no https address.")

# --- Sandbox (docs/sandbox.md) ---------------------------------------------------------------------------------

SANDBOXD_SOCKET = Path(env_str("SANDBOXD_SOCKET") or Places.of(DATA_DIR).sockets / "sandboxd.sock")
SANDBOXD_USERS = env_list("SANDBOXD_USERS")  # of web and workers, where sandboxd runs as a user of its own
SANDBOX_SIZE = env_int("SANDBOX_SIZE", os.cpu_count() or 1)  # runs of Python at a time
SANDBOX_REDUCED = env_bool("SANDBOX_REDUCED", False)  # WebAssembly alone will do where the other walls are missing
if SANDBOX_REDUCED and HARDENED:
    raise SettingError("SANDBOX_REDUCED is for development: in production Python runs behind every wall or not at all.")
SANDBOX_KEEP_RECORDINGS_DAYS = env_int("SANDBOX_KEEP_RECORDINGS_DAYS", 30)
GALAXY_GOLDEN_PACKS = env_int("GALAXY_GOLDEN_PACKS", 20)  # of each workspace, that are played on samples each night
GALAXY_GOLDEN_HOUR = env_int("GALAXY_GOLDEN_HOUR", 2)  # of the day in UTC, when they are
if not 0 <= GALAXY_GOLDEN_HOUR <= 23:
    raise SettingError("GALAXY_GOLDEN_HOUR is an hour from 0 to 23.")
UPGRADE_REPLAYS = env_int("GALAXY_UPGRADE_REPLAYS", 20)  # recorded calls of each action that a preview replays
SANDBOX_KEEP_ASKED_DAYS = env_int("SANDBOX_KEEP_ASKED_DAYS", 7)

# How long spans are kept, whole months at a time, and roll-ups by hour and by day; and how many targets of a workspace
# have figures of their own on one day: those beyond are told together as "other".
SPANS_KEPT_DAYS = env_int("SPANS_KEPT_DAYS", 90)
METRICS_HOURS_KEPT_DAYS = env_int("METRICS_HOURS_KEPT_DAYS", 35)
METRICS_KEPT_DAYS = env_int("METRICS_KEPT_DAYS", 400)
METRICS_MOST_TARGETS = env_int("METRICS_MOST_TARGETS", 2000)

# Where traces go by OTLP over HTTP, such as http://collector:4318; what else the SDK of OpenTelemetry reads from the
# environment (headers, certificates, compression) it reads itself. And the token of whoever reads /metrics.
OTLP_ENDPOINT = env_str("OTEL_EXPORTER_OTLP_ENDPOINT", "")
OTLP_SERVICE_NAME = env_str("OTEL_SERVICE_NAME", "galaxy")
METRICS_TOKEN = env_secret("METRICS_TOKEN", development="")
# --- Triggers (docs/triggers.md) -------------------------------------------------------------------------------

GALAXY_HOOK_BODY_BYTES = env_int("GALAXY_HOOK_BODY_KIB", 256) * 1024
GALAXY_HOOK_SOURCE_RATE = env_int("GALAXY_HOOK_SOURCE_RATE", 1200)  # deliveries a minute from one address
GALAXY_KEEP_DELIVERIES_DAYS = env_int("GALAXY_KEEP_DELIVERIES_DAYS", 7)
if GALAXY_KEEP_DELIVERIES_DAYS < 1:
    raise SettingError("GALAXY_KEEP_DELIVERIES_DAYS is at least 1: a delivery that comes twice is known by them.")

# --- The assistant (docs/assistant.md) -------------------------------------------------------------------------

GALAXY_KEEP_ADVICE_DAYS = env_int("GALAXY_KEEP_ADVICE_DAYS", 365)
if GALAXY_KEEP_ADVICE_DAYS < 90:
    raise SettingError("GALAXY_KEEP_ADVICE_DAYS is at least 90: for so long what was dismissed is not said again.")

# --- Sessions, cookies, headers --------------------------------------------------------------------------------

_https = HARDENED
SESSION_ENGINE = "galaxy.core.session_store"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 7
GALAXY_SESSION_IDLE_S = env_int("GALAXY_SESSION_IDLE_S", 60 * 60 * 12)
SESSION_COOKIE_NAME = "__Host-galaxy" if _https else "galaxy"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "__Host-galaxy-csrf" if _https else "galaxy-csrf"
GALAXY_MESSAGES_COOKIE_NAME = "__Host-galaxy-messages" if _https else "galaxy-messages"
MESSAGE_STORAGE = "galaxy.core.messages_store.Storage"
CSRF_FAILURE_VIEW = "galaxy.core.views.csrf_failure"
SECURE_SSL_REDIRECT = env_bool("SECURE_SSL_REDIRECT", default=_https)
GALAXY_REFUSED_BY_HTTP = ("/api/", "/hooks/")  # and not redirected: whoever sends a token in the clear should notice
# Asked by probes and by Prometheus within the network, where the proxy that ends TLS is not in between; none of them
# knows a cookie.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$", *(f"^{path.lstrip('/')}" for path in GALAXY_REFUSED_BY_HTTP)]
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if env_bool("BEHIND_PROXY", False):  # only where the proxy strips what clients send in this header
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    ALLAUTH_TRUSTED_PROXY_COUNT = env_int("PROXY_COUNT", 1)  # whose entries in X-Forwarded-For are believed
DATA_UPLOAD_MAX_MEMORY_SIZE = GALAXY_MAX_BODY_BYTES = 1_048_576
# Where a file may be larger than that: by address, since this is looked at before anything else of a request.
GALAXY_LARGER_BODIES = (
    (re.compile(r"/w/[^/]+/workshop/documents/"), 9 * 1_048_576),
    (re.compile(r"/w/[^/]+/bundles/"), 9 * 1_048_576),
    (re.compile(r"/api/v1/workspaces/[^/]+/bundles/"), 12 * 1_048_576),  # in base64
)
DATA_UPLOAD_MAX_NUMBER_FILES = 10
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000  # a pack of many steps in its form; the size of a body bounds it anyhow
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
        "manifest-src": [SELF],
        "report-uri": ["/csp-reports/"],
        "report-to": ["csp"],
    }
}

# --- API -------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["galaxy.core.api.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "galaxy.core.api.problems.handle",
    "DEFAULT_THROTTLE_RATES": {"api": env_str("GALAXY_API_RATE", "600/min")},
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Galaxy",
    "DESCRIPTION": "The control plane for what AI agents may do. The same rules as the console, for machines.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {  # every list of words has one name, whichever fields use it
        "AgentStateEnum": "galaxy.agents.api.STATES",
        "ApprovalStatusEnum": "policies.models.Approval.Status",
        "BundleKeyStateEnum": "marketplace.bundles.api.KEY_STATES",
        "BundledVersionStateEnum": "marketplace.bundles.api.STATES",
        "ChangeKindEnum": "policies.models.Change.Kind",
        "ChangeStateEnum": "policies.models.Change.State",
        "ConnectionStatusEnum": "registry.models.Connection.Status",
        "DraftStateEnum": "marketplace.workshop.models.Draft.State",
        "DraftTestsStateEnum": "marketplace.evidence.models.TestRun.State",
        "EffectEnum": "policies.models.Effect",
        "ExportStateEnum": "galaxy.core.models.ExportJob.State",
        "FixtureStateEnum": "marketplace.workshop.api.FIXTURE_STATES",
        "KindEnum": "registry.models.Kind",
        "PermissionRequestStatusEnum": "galaxy.core.models.PermissionRequest.Status",
        "PlannedMoveStateEnum": "registry.models.ScheduledMove.State",
        "PreviewStateEnum": "sandbox.models.UpgradePreview.State",
        "RollOutStateEnum": "registry.models.RollOut.State",
        "RunStateEnum": "sandbox.models.Run.State",
        "SigningKeyStateEnum": "registry.publisher_api.STATES",
        "SinkKindEnum": "galaxy.core.models.AuditSink.Kind",
        "SubmissionStateEnum": "marketplace.submissions.models.State",
        "TokenStateEnum": "galaxy.core.api.tokens.STATES",
        "UpdateStateEnum": "registry.update_shapes.STATES",
        "VersionStatusEnum": "registry.models.Version.Status",
        "VerificationLevelEnum": "marketplace.models.VerificationLevel",
        "VoteEnum": "policies.models.Vote.Choice",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "galaxy.core.api.schema.complete",
    ],
}

# --- Static files ----------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = Path(env_str("STATIC_ROOT") or DATA_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static", ("fonts", DATA_DIR / "fonts")]
(DATA_DIR / "fonts").mkdir(parents=True, exist_ok=True)
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_ALLOW_ALL_ORIGINS = False  # nobody else's page has a use for them
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- Cache, queue ----------------------------------------------------------------------------------------------

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_timeout": 3, "socket_connect_timeout": 3},  # as sandbox.valkey has them
    }
}
CELERY_BROKER_URL = _broker_url
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_DB_REUSE_MAX = 1000  # tasks until a worker makes its connections anew; Celery's own way is after each
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
_queue = queue_at(_broker_url, prefix=env_str("GALAXY_QUEUE_PREFIX", ""))
CELERY_BROKER_TRANSPORT_OPTIONS = _queue.options
CELERY_BROKER_HEARTBEAT = _queue.heartbeat_s
CELERY_TASK_DEFAULT_QUEUE = _queue.name
CELERY_TASK_DEFAULT_QUEUE_TYPE = _queue.kind
CELERY_TASK_DEFAULT_EXCHANGE_TYPE = _queue.exchange_kind
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "galaxy.core.ops.beat.Scheduler"
CELERY_BEAT_SCHEDULE = {
    "reconcile-runs": {"task": "sandbox.tasks.reconcile", "schedule": 3.0},
    "renew-due-connections": {"task": "sandbox.tasks.renew_due_connections", "schedule": 15.0},
    "expire-break-glasses": {"task": "galaxy.core.tasks.expire_break_glasses", "schedule": 10.0},
    "mail-digests": {"task": "galaxy.core.tasks.mail_digests", "schedule": crontab(minute="0,30")},
    "ring-news-hooks": {"task": "galaxy.core.tasks.ring_news_hooks", "schedule": 5.0},
    "stream-audit": {"task": "galaxy.core.tasks.stream_audit", "schedule": 3.0},
    "expire-approvals": {"task": "policies.tasks.expire_approvals", "schedule": 30.0},
    "escalate-approvals": {"task": "policies.tasks.escalate_approvals", "schedule": 30.0},
    "remind-of-approvals": {"task": "policies.tasks.remind_of_approvals", "schedule": 300.0},
    "end-due-auto-approvals": {"task": "policies.tasks.end_due_auto_approvals", "schedule": 30.0},
    "settle-decided": {"task": "policies.tasks.settle_decided", "schedule": 15.0},
    "tell-of-expiring-approvals": {"task": "policies.tasks.tell_of_expiring_approvals", "schedule": 300.0},
    "tell-of-recent-quarantines": {"task": "registry.tasks.tell_of_recent_quarantines", "schedule": 300.0},
    "end-versions": {"task": "registry.tasks.end_versions", "schedule": 60.0 * 60},
    "tell-of-ending-agents": {"task": "galaxy.core.tasks.tell_of_ending_agents", "schedule": 60.0 * 60},
    "check-due-proofs": {"task": "registry.tasks.check_due_proofs", "schedule": 60.0 * 10},
    "sign-waiting-versions": {"task": "registry.tasks.sign_waiting", "schedule": 20.0},
    "note-heartbeat": {"task": "galaxy.core.tasks.note_heartbeat", "schedule": 10.0},
    "take-due-updates": {"task": "registry.tasks.take_due_updates", "schedule": 300.0},
    "make-due-moves": {"task": "registry.tasks.make_due_moves", "schedule": 60.0},
    "end-lapsed-holds": {"task": "registry.tasks.end_lapsed_holds", "schedule": 300.0},
    "roll-up-metrics": {"task": "sandbox.tasks.roll_up_metrics", "schedule": 15.0},
    "export-traces": {"task": "sandbox.tasks.export_traces", "schedule": 10.0},
    "drop-old-metrics": {"task": "sandbox.tasks.drop_old_metrics", "schedule": 60.0 * 60 * 6},
    "tend-triggers": {"task": "sandbox.tasks.tend_triggers", "schedule": 2.0},
    "forget-deliveries": {"task": "sandbox.tasks.forget_deliveries", "schedule": 60.0 * 60},
    "tend-rollouts": {"task": "sandbox.tasks.tend_rollouts", "schedule": 15.0},
    "tend-previews": {"task": "sandbox.tasks.tend_previews", "schedule": 10.0},
    "prove-listed": {"task": "marketplace.tasks.prove_listed", "schedule": 60.0 * 10},
    "age-levels": {"task": "marketplace.tasks.age_levels", "schedule": 60.0 * 60 * 6},
    "count-telemetry": {"task": "marketplace.tasks.count_telemetry", "schedule": 60.0 * 60},
    "watch-levels": {"task": "marketplace.tasks.watch_levels", "schedule": 60.0 * 60 * 6},
    "ring-due-checks": {"task": "sandbox.tasks.ring_due_checks", "schedule": 15.0},
    "count-versions": {"task": "sandbox.tasks.count_versions", "schedule": 60.0 * 15},
    "count-listings": {"task": "marketplace.tasks.count_listings", "schedule": 60.0 * 15},
    "advise": {"task": "marketplace.tasks.advise", "schedule": 60.0},
    "rephrase-advice": {"task": "marketplace.tasks.rephrase_advice", "schedule": 300.0},
    "tend-search": {"task": "marketplace.tasks.tend_search", "schedule": 60.0 * 60},
    "drop-old-bundles": {"task": "marketplace.tasks.drop_old_bundles", "schedule": 60.0 * 60},
    "delete-old-checks": {"task": "sandbox.tasks.delete_old_checks", "schedule": 60.0 * 60 * 6},
    "forget-kept-inputs": {"task": "sandbox.tasks.forget_kept_inputs", "schedule": 60.0 * 60},
    "play-golden-flows": {
        "task": "sandbox.tasks.play_golden_flows",
        "schedule": crontab(hour=GALAXY_GOLDEN_HOUR, minute="10"),
    },
    "forget-recordings": {"task": "sandbox.tasks.forget_recordings", "schedule": 60.0 * 60 * 6},
    "delete-old-notifications": {"task": "galaxy.core.tasks.delete_old_notifications", "schedule": 60.0 * 60 * 6},
    "tend-exports": {"task": "galaxy.core.tasks.tend_exports", "schedule": 10.0},
    "purge-audit": {"task": "galaxy.core.tasks.purge_audit", "schedule": 60.0 * 60 * 6},
    "delete-old-answers": {"task": "galaxy.core.tasks.delete_old_answers", "schedule": 60.0 * 60},
    "make-partitions": {"task": "galaxy.core.tasks.make_partitions", "schedule": 60.0 * 60 * 6},
}

# How long a worker may hold a run without a sign of life, in seconds; after that another one takes it over.
GALAXY_RUN_LEASE_S = env_int("GALAXY_RUN_LEASE_S", 20)
if not 1 <= GALAXY_RUN_LEASE_S <= 300:
    raise SettingError("GALAXY_RUN_LEASE_S is 1 to 300 seconds: for so long a lost run waits for another worker.")

# --- Words, time, logs -----------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
LOGGING_CONFIG = "galaxy.core.logs.configure"
LOGGING = {"level": env_str("LOG_LEVEL", "INFO"), "json": env_bool("LOG_JSON", default=HARDENED)}
