"""The vendors' own clients, each pointed at a stand-in (tests.oracles.peer) instead of the vendor."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httplib2
import httpx
import hubspot
import requests
from googleapiclient.discovery import build as google_service
from notion_client import Client as NotionClient
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from slack_sdk import WebClient
from urllib3 import Retry

TOKEN = "token-of-the-oracle"  # of nobody
SALESFORCE_HOST = "meridian.my.salesforce.com"
CLIENTS = {
    "gmail": "google-api-python-client", "google-drive": "google-api-python-client", "slack": "slack-sdk",
    "hubspot": "hubspot-api-client", "notion": "notion-client", "salesforce": "simple-salesforce",
}  # fmt: skip


@contextmanager
def client_of(connector: str, url: str) -> Iterator[Any]:
    """The official client of a connector, pointed at ``url``."""
    match connector:
        case "gmail" | "google-drive":
            name, version = ("gmail", "v1") if connector == "gmail" else ("drive", "v3")
            service = google_service(name, version, http=_DetourOfGoogle(url), static_discovery=True)
            yield service
            service.close()
        case "slack":
            yield WebClient(token=TOKEN, base_url=f"{url}/api/", retry_handlers=[])
        case "hubspot":
            yield hubspot.HubSpot(access_token=TOKEN, host=url, retry=Retry(0))
        case "notion":
            with httpx.Client(trust_env=False) as http:
                options = {"auth": TOKEN, "base_url": url, "retry": False, "log_level": logging.CRITICAL}
                yield NotionClient(options, client=http)
        case "salesforce":
            with requests.Session() as session:
                session.trust_env = False
                session.mount(f"https://{SALESFORCE_HOST}", _Detour(url))
                yield Salesforce(instance=SALESFORCE_HOST, session_id=TOKEN, version="62.0", session=session)


class _DetourOfGoogle(httplib2.Http):
    """Google's client knows its hosts by the discovery documents: its requests are sent here as they are."""

    def __init__(self, url: str):
        super().__init__()
        self.url = url

    def request(self, uri, *arguments, **options):
        return super().request(re.sub(r"^https://[a-z]+\.googleapis\.com", self.url, uri), *arguments, **options)


class _Detour(HTTPAdapter):
    """simple-salesforce speaks https to one host, whatever it is told: its requests are sent here as they are."""

    def __init__(self, url: str):
        super().__init__()
        self.url = url

    def send(self, request, **options):
        request.headers["Host"] = SALESFORCE_HOST
        request.url = request.url.replace(f"https://{SALESFORCE_HOST}", self.url)
        return super().send(request, **options)
