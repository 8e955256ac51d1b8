"""Settings of the console, read from the environment.

Safe for production as they are: what loosens them is DEBUG, or that every allowed host is this machine itself.
Importing this module starts nothing.
"""

import os
from pathlib import Path

from kombu import Exchange, Queue

from console import broker, embedded, env, logs
from tenants.remote.bucket import why_no_bucket
from tenants.remote.posting import why_no_receiver
from tenants.resource_types.catalogue import check_file

BASE_DIR = Path(__file__).resolve().parent.parent

KNOWN_NAMES = frozenset(
    {
        "DATABASE_URL",
        "CONSOLE_DATA_DIR",
        "CELERY_BROKER_URL",
        "SECRET_KEY",
        "CONSOLE_SECRET_KEYS",
        "DEBUG",
        "ALLOWED_HOSTS",
        "CSRF_TRUSTED_ORIGINS",
        "CONSOLE_ALLOW_CUSTOM_HOSTS",
        "CONSOLE_ALLOW_LOSSY_DATABASE",
        "CONSOLE_RESOURCE_TYPES_FILE",
        "CONSOLE_REQUESTS_A_MINUTE",
        "CONSOLE_SWEEPS_AT_ONCE",
        "CONSOLE_URL",
        "CONSOLE_NOTICE_WEBHOOK",
        "CONSOLE_NOTICE_WEBHOOK_TOKEN",
        "EMAIL_URL",
        "EMAIL_FROM",
        "CONSOLE_CHECKPOINT_KEY",
        "CONSOLE_CHECKPOINT_PUBLIC_KEYS",
        "CONSOLE_CHECKPOINT_FOLDER",
        "CONSOLE_CHECKPOINT_WEBHOOK",
        "CONSOLE_CHECKPOINT_WEBHOOK_TOKEN",
        "CONSOLE_CHECKPOINT_S3",
        "CONSOLE_CHECKPOINT_S3_REGION",
        "CONSOLE_CHECKPOINT_S3_KEY_ID",
        "CONSOLE_CHECKPOINT_S3_SECRET",
        "CONSOLE_CHECKPOINT_S3_RETENTION_DAYS",
        "CONSOLE_ATTESTATION_HOURS",
        "CONSOLE_PROPAGATION_MINUTES",
        "CONSOLE_PROPAGATION_FIRST_PAUSE",
        "CONSOLE_PROPAGATION_LONGEST_PAUSE",
        "CONSOLE_REQUIRE_SECOND_FACTOR",
        "CONSOLE_STEP_UP_MINUTES",
        "CONSOLE_SESSION_IDLE_MINUTES",
        "CONSOLE_SESSION_HOURS",
        "CONSOLE_TRUSTED_PROXIES",
        "CONSOLE_OIDC_ISSUER",
        "CONSOLE_OIDC_CLIENT_ID",
        "CONSOLE_OIDC_CLIENT_SECRET",
        "CONSOLE_OIDC_NAME",
        "CONSOLE_REVIEW_HOURS",
    }
)

_environment = env.Environment(os.environ, default_data_dir=BASE_DIR / "var")
DATA_DIR = _environment.data_dir
DEBUG = _environment.flag("DEBUG")
SECRET_KEY = _environment.secret_key("SECRET_KEY", make=DEBUG)
# 32 bytes each, the newest first: the first one seals, all of them open.
CONSOLE_SECRET_KEYS = _environment.sealing_keys("CONSOLE_SECRET_KEYS", make=DEBUG)
CONSOLE_ALLOW_CUSTOM_HOSTS = _environment.flag("CONSOLE_ALLOW_CUSTOM_HOSTS")
# Only for databases that are thrown away, such as those of the tests: rollbacks run although a crash may lose commits.
CONSOLE_ALLOW_LOSSY_DATABASE = _environment.flag("CONSOLE_ALLOW_LOSSY_DATABASE")
# Types of remote objects that the operator adds or overrides; checked here, so that a mistake stops the start by name.
CONSOLE_RESOURCE_TYPES_FILE = _environment.file("CONSOLE_RESOURCE_TYPES_FILE", check=check_file)
# The platform's own default for one client-credentials token; each tenant may have another.
CONSOLE_REQUESTS_A_MINUTE = _environment.number("CONSOLE_REQUESTS_A_MINUTE", default=300, least=10, most=100_000)
# So many tenants are looked at beside each other by one sweep.
CONSOLE_SWEEPS_AT_ONCE = _environment.number("CONSOLE_SWEEPS_AT_ONCE", default=8, least=1, most=100)
# The key that signs checkpoints of the trail, the keys that are believed beside it, and the sinks outside the database.
CONSOLE_CHECKPOINT_KEY = _environment.signing_key("CONSOLE_CHECKPOINT_KEY", make=DEBUG)
CONSOLE_CHECKPOINT_PUBLIC_KEYS = _environment.public_keys("CONSOLE_CHECKPOINT_PUBLIC_KEYS")
CONSOLE_CHECKPOINT_WEBHOOK = _environment.receiver("CONSOLE_CHECKPOINT_WEBHOOK", why_not=why_no_receiver)
CONSOLE_CHECKPOINT_WEBHOOK_TOKEN = _environment.secret("CONSOLE_CHECKPOINT_WEBHOOK_TOKEN") or ""
CONSOLE_CHECKPOINT_FOLDER = _environment.folder("CONSOLE_CHECKPOINT_FOLDER")
# https://STORE/BUCKET/FOLDER; without a key the machine's own role is used, and 0 days lock nothing.
CONSOLE_CHECKPOINT_S3 = _environment.receiver("CONSOLE_CHECKPOINT_S3", why_not=why_no_bucket)
CONSOLE_CHECKPOINT_S3_REGION = _environment.text("CONSOLE_CHECKPOINT_S3_REGION") or "us-east-1"
CONSOLE_CHECKPOINT_S3_KEY_ID = _environment.text("CONSOLE_CHECKPOINT_S3_KEY_ID") or ""
CONSOLE_CHECKPOINT_S3_SECRET = _environment.secret("CONSOLE_CHECKPOINT_S3_SECRET") or ""
CONSOLE_CHECKPOINT_S3_RETENTION_DAYS = _environment.number(
    "CONSOLE_CHECKPOINT_S3_RETENTION_DAYS", default=0, least=0, most=36_500
)
_sinks = (CONSOLE_CHECKPOINT_FOLDER, CONSOLE_CHECKPOINT_WEBHOOK, CONSOLE_CHECKPOINT_S3)
if CONSOLE_CHECKPOINT_KEY and not any(_sinks):
    # Better than none, and `doctor` says what it is worth: this machine's disk.
    CONSOLE_CHECKPOINT_FOLDER = DATA_DIR / "checkpoints"
# Where people reach the console, and how they are told that something waits for them there (rollbacks.notices).
CONSOLE_URL = (_environment.receiver("CONSOLE_URL", why_not=why_no_receiver) or "").rstrip("/")
CONSOLE_NOTICE_WEBHOOK = _environment.receiver("CONSOLE_NOTICE_WEBHOOK", why_not=why_no_receiver)
CONSOLE_NOTICE_WEBHOOK_TOKEN = _environment.secret("CONSOLE_NOTICE_WEBHOOK_TOKEN") or ""
_email = _environment.email("EMAIL_URL", sender="EMAIL_FROM")
# For how long routing is watched after a write, and the seconds between two looks, which grow from one to the other.
CONSOLE_ATTESTATION_HOURS = _environment.number("CONSOLE_ATTESTATION_HOURS", default=24, least=1, most=300)
CONSOLE_PROPAGATION_MINUTES = _environment.number("CONSOLE_PROPAGATION_MINUTES", default=30, least=1, most=1440)
CONSOLE_PROPAGATION_FIRST_PAUSE = _environment.number("CONSOLE_PROPAGATION_FIRST_PAUSE", default=5, least=1, most=150)
CONSOLE_PROPAGATION_LONGEST_PAUSE = _environment.number(
    "CONSOLE_PROPAGATION_LONGEST_PAUSE", default=60, least=1, most=150
)
# How long a second person has to review a broken glass, before it rings.
CONSOLE_REVIEW_HOURS = _environment.number("CONSOLE_REVIEW_HOURS", default=24, least=1, most=168)
ALLOWED_HOSTS = _environment.hosts("ALLOWED_HOSTS")
# What only this machine can reach needs no TLS, and would not work with cookies that insist on it.
ON_THIS_MACHINE_ONLY = DEBUG or (bool(ALLOWED_HOSTS) and env.LOOPBACK.issuperset(ALLOWED_HOSTS))
# Who may write, approve or administer has a second factor; on one's own machine nobody is made to.
CONSOLE_REQUIRE_SECOND_FACTOR = _environment.flag("CONSOLE_REQUIRE_SECOND_FACTOR", default=not ON_THIS_MACHINE_ONLY)
# For so long a proof of who somebody is counts before an approval, a break-glass or a change of how they sign in.
CONSOLE_STEP_UP_MINUTES = _environment.number("CONSOLE_STEP_UP_MINUTES", default=5, least=1, most=60)
CONSOLE_SESSION_IDLE_MINUTES = _environment.number("CONSOLE_SESSION_IDLE_MINUTES", default=30, least=1, most=720)
CONSOLE_SESSION_HOURS = _environment.number("CONSOLE_SESSION_HOURS", default=12, least=1, most=168)
# So many proxies in front append to X-Forwarded-For; 0 believes the peer's own address alone.
CONSOLE_TRUSTED_PROXIES = _environment.number("CONSOLE_TRUSTED_PROXIES", default=0, least=0, most=10)
# Single sign-on by OpenID Connect; without an issuer there is none.
CONSOLE_OIDC = _environment.single_sign_on("CONSOLE_OIDC", plain_http=ON_THIS_MACHINE_ONLY)
CSRF_TRUSTED_ORIGINS = _environment.origins("CSRF_TRUSTED_ORIGINS")
_broker = _environment.broker("CELERY_BROKER_URL")
_database = _environment.database("DATABASE_URL")
UNKNOWN_NAMES = _environment.unknown_names(KNOWN_NAMES)
with env.refusing_by_name():
    _environment.check()

CONSOLE_SENDS_EMAIL = _email is not None
if _email is not None:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = _email.host, _email.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _email.user, _email.password
    EMAIL_USE_TLS, EMAIL_USE_SSL = _email.start_tls, _email.tls
    DEFAULT_FROM_EMAIL = SERVER_EMAIL = _email.sender
# In seconds: a mail server that says nothing holds a worker no longer.
EMAIL_TIMEOUT = 10

INSTALLED_APPS = [
    "console.apps.ConsoleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "console",
    "tenants",
    "rollbacks",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # In front of the headers, which keep tenants' data out of caches: static files belong there.
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "console.middleware.SecurityHeaders",
    "console.middleware.ActingFromBrowser",
    "django.middleware.gzip.GZipMiddleware",
    "console.middleware.NoNul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "console.middleware.RefusedAccess",
    "django.contrib.messages.middleware.MessageMiddleware",
    "console.sessions.SessionEnds",
    "allauth.account.middleware.AccountMiddleware",
    "console.signing_in.requirement.SecondFactorRequired",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "console.urls"
WSGI_APPLICATION = "console.wsgi.application"
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
            ],
        },
    },
]

# None where DATABASE_URL names another PostgreSQL.
EMBEDDED_CLUSTER = None if _database else embedded.Cluster(DATA_DIR)
DATABASES = {
    "default": {
        **(_database or embedded.Cluster(DATA_DIR).parameters()),
        "CONN_MAX_AGE": 60,
        # A connection that outlived a restart of the server is replaced, not shown to a person as an error.
        "CONN_HEALTH_CHECKS": True,
    }
}
# Shared by all processes: what was tried how often. A limit that each process kept for itself would be many.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "console_cache",
        # Beyond, rows are dropped, and a count with them: more than anybody fills between two tidyings.
        "OPTIONS": {"MAX_ENTRIES": 200_000},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static-collected"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# With DEBUG a changed file is seen at once, without collectstatic.
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG

LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# Signing in (console.signing_in): the rules are in the adapters.
ACCOUNT_ADAPTER = "console.signing_in.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "console.signing_in.forms.SignInForm",
    "reauthenticate": "console.signing_in.forms.PasswordAgainForm",
}
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = CONSOLE_STEP_UP_MINUTES * 60
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "http" if ON_THIS_MACHINE_ONLY else "https"
# Counted in the cache that all processes share. An account is locked to nobody who has a passkey.
ACCOUNT_RATE_LIMITS = {"login": "60/m/ip", "login_failed": "20/10m/ip,5/10m/key", "reauthenticate": "10/m/user"}
ALLAUTH_TRUSTED_PROXY_COUNT = CONSOLE_TRUSTED_PROXIES
MFA_ADAPTER = "console.signing_in.adapters.SecondFactorAdapter"
MFA_FORMS = {"activate_totp": "console.signing_in.forms.SetUpAppForm"}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Config Vault"
MFA_RECOVERY_CODES_SHOW_ONCE = True
# No e-mail address plays a part in signing in, so none has to be verified.
MFA_ALLOW_UNVERIFIED_EMAIL = True
# Browsers themselves take no passkey without TLS but for localhost.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = ON_THIS_MACHINE_ONLY
USERSESSIONS_TRACK_ACTIVITY = False
SOCIALACCOUNT_ADAPTER = "console.signing_in.adapters.SingleSignOnAdapter"
SOCIALACCOUNT_ONLY = False
SOCIALACCOUNT_AUTO_SIGNUP = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_STORE_TOKENS = False
# A link: form-action of the policy lets no form lead to another host. It begins a sign-in, and changes nothing here.
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": CONSOLE_OIDC}}
# Length and what is known decide, not which characters there are (NIST SP 800-63B section 3.1.1).
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "console.signing_in.passwords.NotACommonOneDressedUp"},
    {"NAME": "console.signing_in.passwords.NotOfThisPlace"},
]

# Rows of the database, so that a session can be ended; when it ends by itself: console.sessions.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = CONSOLE_SESSION_HOURS * 60 * 60
# A cookie of this prefix is for this host alone, over TLS, and no other host can set it (RFC 6265bis section 4.1.3).
SESSION_COOKIE_NAME = "sessionid" if ON_THIS_MACHINE_ONLY else "__Host-sessionid"
CSRF_COOKIE_NAME = "csrftoken" if ON_THIS_MACHINE_ONLY else "__Host-csrftoken"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SECURE = not ON_THIS_MACHINE_ONLY
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = not ON_THIS_MACHINE_ONLY
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
# Gunicorn takes X-Forwarded-Proto from the proxies of --forwarded-allow-ips, so Django itself trusts no header.
SECURE_SSL_REDIRECT = not ON_THIS_MACHINE_ONLY
SECURE_HSTS_SECONDS = 0 if ON_THIS_MACHINE_ONLY else 365 * 24 * 60 * 60
SECURE_HSTS_INCLUDE_SUBDOMAINS = not ON_THIS_MACHINE_ONLY
SECURE_HSTS_PRELOAD = not ON_THIS_MACHINE_ONLY
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DEFAULT_EXCEPTION_REPORTER_FILTER = "console.reporting.NothingSecret"

LOGGING_CONFIG = "console.logs.configure"
LOGGING = logs.configuration(readable=ON_THIS_MACHINE_ONLY)

# The queue (console.celery). Rows are the record of what is done, so no result is kept and any message may be lost.
EMBEDDED_BROKER = None if _broker else DATA_DIR / "broker"
CELERY_BROKER_URL = _broker or f"{broker.SCHEME}://localhost"
CELERY_BROKER_TRANSPORT_OPTIONS = (
    broker.options(EMBEDDED_BROKER)
    if EMBEDDED_BROKER
    # What a killed worker had in its hands comes back after these seconds; Redis alone would wait an hour.
    else {"visibility_timeout": 10, "unacked_restore_interval": 5, "unacked_restore_throttle": 1}
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "console"
# A worker without -Q serves both. What a person waits for does not stand behind looks and take-ins (console.places).
CELERY_TASK_QUEUES = tuple(Queue(name, Exchange(name), routing_key=name) for name in ("console", "rollbacks"))
CELERY_TASK_ROUTES = {
    "rollbacks.tasks.apply_rollback": {"queue": "rollbacks"},
    "rollbacks.tasks.sweep_attempts": {"queue": "rollbacks"},
    "rollbacks.tasks.sweep_confirmations": {"queue": "rollbacks"},
}
CELERY_TIMEZONE = "UTC"
# In memory: the schedule below is all there is, and a file of it could be half written.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 2
CELERY_BEAT_SCHEDULE = {
    name.rpartition(".")[2]: {
        "task": name,
        "schedule": float(seconds),
        # While no worker runs, rings do not pile up.
        "options": {"expires": seconds},
    }
    for name, seconds in (
        ("rollbacks.tasks.sweep_attempts", 2),
        ("rollbacks.tasks.sweep_confirmations", 5),
        ("rollbacks.tasks.sweep_glasses", 30),
        ("rollbacks.tasks.sweep_propagation", 5),
        ("rollbacks.tasks.sweep_attestations", 15),
        ("rollbacks.tasks.expire_rollbacks", 60),
        ("rollbacks.tasks.seal_trail", 5),
        ("rollbacks.tasks.deliver_notices", 3),
        ("rollbacks.tasks.review_requests", 10),
        ("rollbacks.tasks.sweep_labels", 300),
        ("tenants.tasks.sweep_configs", 30),
        ("tenants.tasks.sweep_onboardings", 3),
        ("tenants.tasks.sweep_indices", 10),
        ("tenants.tasks.pack_archive", 60),
        ("tenants.tasks.drop_old_versions", 3600),
        ("console.tasks.tidy_broker", 60),
        ("console.tasks.tidy_sessions", 900),
    )
}
