"""The race over real processes: two sandboxd, fifty callers, a provider whose refresh tokens rotate, and kill -9."""

import pytest

from registry.models import Connection
from tests.core.egress.peers import Authority
from tests.refresh_race import HOSTS, TwoHosts, connected, end_token, race, runs_under_way
from tests.token_endpoint import RotatingVendor

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
CALLERS = 50


@pytest.fixture(scope="module")
def vendor(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("authority"))
    found = RotatingVendor(authority.context(*HOSTS))
    found.authority = authority.pem
    yield found
    found.close()


@pytest.fixture
def hosts(vendor, settings, workspace):
    found = TwoHosts(vendor.port, vendor.authority)
    settings.GALAXY_KMS = f"local:{found.key_file}"
    found.start()
    yield found
    found.close()


def test_fifty_callers_come_to_one_refresh_whether_slow_or_killed(hosts, vendor, workspace, admin):
    """First a slow provider. Then kill -9 of whoever refreshes before the provider acted. Then after it acted, which
    nobody can mend, and so it says so."""
    connection = connected(workspace, admin)
    end_token(connection)
    runs = runs_under_way(workspace, admin, CALLERS)
    vendor.latency_s = 2.0
    found = race(hosts, vendor, runs)
    assert (vendor.given, vendor.refused, vendor.asked) == (1, 0, 1)
    assert (found["ok"], vendor.served) == (CALLERS, CALLERS), found

    vendor.reset()
    end_token(connection)
    vendor.latency_s = 1.0
    found = race(hosts, vendor, runs, kill=True)
    assert (vendor.given, vendor.refused, vendor.abandoned) == (1, 0, 1)
    assert (found["ok"], vendor.served) == (CALLERS, CALLERS), found

    for one in hosts.both:
        if one.process.poll() is not None:
            one.start("--size", "1")
    vendor.reset()
    end_token(connection)
    vendor.acts_first = True
    found = race(hosts, vendor, runs, kill=True)
    assert (vendor.given, vendor.refused, found["ok"]) == (1, 1, 0), found
    row = Connection.objects.get()
    assert (row.status, row.last_error_code) == ("exhausted", "refresh_cut_off")
    assert "cut off" in row.last_error
