"""The small cast that tests share. Each test runs within the row-level scope of ``workspace``, as the app role."""

import contextlib
import gc
import os
from itertools import groupby
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.servers.basehttp import WSGIRequestHandler
from django.db import connections
from django.template.base import Template
from django.test import Client
from django.test.utils import instrumented_test_render, setup_databases

from galaxy.celery import app
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.kms.local import make_key_file
from galaxy.core.vault.signing import make_signing_keys
from tests import flushing, pooling, template
from tests.factories import Desk, make_desk
from tests.playhouse import Playhouse, is_transactional, staged, staged_for
from tests.workers import Workers

# The live server writes the head of an answer and then its body, which would wait 40 ms until the head is acknowledged:
# at each of the forty files of a page, and at each made-up request.
WSGIRequestHandler.disable_nagle_algorithm = True


VALKEY_DATABASES = 16  # as many as a server has if it isn't told otherwise


def pytest_configure(config):
    own_valkey(config)
    make_key()


def own_valkey(config):
    """A database of Valkey for each process: a test that empties the cache, or windows that it counts in, would empty
    those of the tests beside it. The broker's is another one, where messages are told apart by a prefix."""
    process = getattr(config, "workerinput", {}).get("workerid", "gw-1")  # gw0, gw1 ... of pytest-xdist
    number = 1 + (int(process.removeprefix("gw")) + 1) % (VALKEY_DATABASES - 1)
    scheme, _, place = settings.REDIS_URL.partition("://")
    if scheme == "unix":
        url = f"unix://{place.partition('?')[0]}?db={number}"
    else:
        url = f"{scheme}://{place.partition('/')[0]}/{number}"
    settings.REDIS_URL = settings.CACHES["default"]["LOCATION"] = url


def make_key():
    """The key that versions of tests are signed with: whole or not there, since several runs may begin together."""
    path = Path(settings.GALAXY_MARKETPLACE_KEYS)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists() and make_signing_keys(fresh):
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_auto_num_workers(config):
    """One more process than there are cores: a third of the time a test waits for PostgreSQL, a browser or a clock."""
    return (os.cpu_count() or 1) + 1


def pytest_sessionstart(session):
    """Nine thousand tests are half a million objects, and none of them is garbage before the last test is over. So no
    garbage is looked for while they are collected, and afterwards not among them: that took a tenth of the time."""
    if not session.config.pluginmanager.hasplugin("dsession"):  # which leaves collecting to its processes
        gc.disable()


# Tests of many seconds each. With the quick ones left for the end, no process is at a long one while the others idle.
LONGEST = ("tests/matrix/test_reading.py", "tests/api/test_schemathesis.py", "tests/browser/", "tests/embedded/")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
    of_files = [list(some) for _, some in groupby(items, key=lambda item: item.path)]
    items[:] = [item for some in of_files for item in sorted(some, key=_stage)]


def _stage(item) -> list[str]:
    """What is made for a test beforehand (``tests.playhouse``): those of a file that begin alike come together."""
    return [make.__name__ for make in staged_for(item)]


def pytest_collection_finish():
    gc.freeze()
    gc.set_threshold(5_000, 10, 10)
    gc.enable()


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker, django_db_modify_db_settings):
    """Make the test database as the owner, a copy of the template, whichever connections the chosen tests ask for.

    It is not dropped at the end but made anew at the next beginning: a thread of the live server or a worker that was
    killed may hold a session for a while, and PostgreSQL drops no database that somebody uses.
    """
    with django_db_blocker.unblock():
        template.use()
        setup_databases(verbosity=0, interactive=False)
        flushing.set_up()
        pooling.set_up()
    yield
    with django_db_blocker.unblock():
        pooling.close()
        connections.close_all()


@pytest.fixture(autouse=True, scope="session")
def quick_templates(django_test_environment):
    """``response.context`` is what a page was rendered from. Django tells the test client of each part that the page
    includes as well, of which there are dozens, and copies what it was given each time: that nobody asks for."""

    def render(template, context):
        if context.template is template:
            return instrumented_test_render(template, context)
        return template.nodelist.render(context)

    Template._render = render  # which Django sets back at the end


@pytest.fixture(autouse=True)
def quick_settings(settings):
    """A cheap hasher and mail kept in memory: what tests look at is neither."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture(scope="module")
def playhouse(django_db_setup, django_db_blocker):
    one = Playhouse()
    yield one
    with django_db_blocker.unblock():
        one.close()


@pytest.fixture
def surroundings(request, quick_settings, playhouse, django_db_blocker):
    """What a test's own transaction begins in: the playhouse, where the test asks for the cast."""
    asked = set(request.fixturenames)
    with django_db_blocker.unblock():
        if "shared_cast" in asked and "new_tables" not in asked and not is_transactional(request):
            playhouse.open(staged_for(request.node))
            return
        playhouse.close()
        if "new_tables" in asked:
            call_command("flush", database="owner", interactive=False, reset_sequences=False, verbosity=0)


@pytest.fixture
def _django_db_helper(surroundings, _django_db_helper):
    """pytest-django's, by which every test comes to the database, with ``surroundings`` before it."""


@pytest.fixture
def new_tables(surroundings):
    """Tables of which PostgreSQL has no statistics. Otherwise plans depend on what other tests left in their files,
    and on what autovacuum found there: no row at all, for no test commits any."""


@pytest.fixture
def shared_cast(db, playhouse):
    return playhouse.cast()


@pytest.fixture
def cast(shared_cast):
    """Meridian with one person in each role, and Tidewater with a stranger; {role or name: user or workspace}."""
    return shared_cast


@pytest.fixture
def workspace(cast):
    """Meridian, in scope for the length of the test."""
    with workspace_scope([cast["meridian"].pk]):
        yield cast["meridian"]


@pytest.fixture
def other_workspace(cast):
    return cast["tidewater"]


@pytest.fixture
def owner(cast):
    return cast["owner"]


@pytest.fixture
def admin(cast):
    return cast["admin"]


@pytest.fixture
def approver(cast):
    return cast["approver"]


@pytest.fixture
def creator(cast):
    return cast["creator"]


@pytest.fixture
def auditor(cast):
    return cast["auditor"]


@pytest.fixture
def member(cast):
    return cast["member"]


@pytest.fixture
def stranger(cast):
    return cast["stranger"]


@pytest.fixture
@staged
def desk(owner) -> Desk:
    """The marketplace's own workspace with its people: ``desk.workspace``, owner, reviewer and second (reviewer)."""
    return make_desk()


@pytest.fixture
def client_of(cast):
    """``client_of(user)``: a browser in which ``user`` is signed in."""

    def signed_in(user, **headers):
        client = Client(headers=headers or None)
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return signed_in


@pytest.fixture
def as_htmx(client_of):
    """``as_htmx(user)``: the same, sending what htmx sends."""
    return lambda user: client_of(user, **{"HX-Request": "true"})


@pytest.fixture
def vault(settings, tmp_path):
    """This process as sandboxd: it has a root key, in a file of the test's own."""
    path = tmp_path / "vault" / "root-keys.json"
    make_key_file(path)
    settings.GALAXY_KMS = f"local:{path}"
    return path


@pytest.fixture
def workers(transactional_db):
    """Celery workers on this test process's queue, which nobody else shares (tests/settings.py)."""
    app.control.purge()
    found = Workers()
    yield found
    found.stop()
