"""Contract data of vendors that lies beside the checkout, in ../shared/specs, where it is present.

It is not part of the project: its ORIGINS.md names source and licence of each file. Without it the tests that read it
are skipped with this reason; nothing else here is.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

SPECS = Path(__file__).parents[3] / "shared" / "specs"
present = pytest.mark.skipif(not SPECS.is_dir(), reason="The vendors' contract data (../shared/specs) is not there.")

# The method of Slack's OpenAPI document that an action calls.
SLACK = {
    "slack.get_team": "/auth.test",
    "slack.post_message": "/chat.postMessage",
    "slack.update_message": "/chat.update",
    "slack.delete_message": "/chat.delete",
    "slack.read_messages": "/conversations.history",
    "slack.list_channels": "/conversations.list",
    "slack.find_user": "/users.lookupByEmail",
    "slack.add_reaction": "/reactions.add",
    "slack.remove_reaction": "/reactions.remove",
}
# The path of Notion's OpenAPI document that an action calls; its verb is the action's.
NOTION = {
    "notion.get_connection": "/v1/users/me",
    "notion.search": "/v1/search",
    "notion.get_page": "/v1/pages/{page_id}",
    "notion.read_page": "/v1/blocks/{block_id}/children",
    "notion.create_page": "/v1/pages",
    "notion.append_text": "/v1/blocks/{block_id}/children",
    "notion.add_comment": "/v1/comments",
    "notion.query_data_source": "/v1/data_sources/{data_source_id}/query",
    "notion.update_page": "/v1/pages/{page_id}",
    "notion.archive_page": "/v1/pages/{page_id}",
    "notion.restore_page": "/v1/pages/{page_id}",
    "notion.list_users": "/v1/users",
}
# The request of Salesforce's collection that an action makes.
SALESFORCE = {
    "salesforce.list_resources": "rest__resources_by_version",
    "salesforce.query": "rest__query",
    "salesforce.get_record": "rest__sobject_rows",
    "salesforce.create_record": "rest__sobject_create",
    "salesforce.update_record": "rest__sobject_rows_update",
    "salesforce.upsert_record": "rest__sobject_rows_by_external_id",
    "salesforce.create_records": "composite__sobject_collections_create",
    "salesforce.update_records": "composite__sobject_collections_update",
    "salesforce.delete_record": "rest__sobject_rows_delete",
    "salesforce.delete_records": "composite__sobject_collections_delete",
    "salesforce.read_limits": "rest__limit",
}


@cache
def document(path: str) -> dict[str, Any]:
    return json.loads((SPECS / path).read_text())


def slack(name: str) -> dict[str, Any]:
    """The operation of an action: it has one verb, which is Slack's of 2021."""
    (operation,) = document("slack/slack_web_openapi_v2.json")["paths"][SLACK[name]].values()
    return operation


def notion(name: str, verb: str) -> dict[str, Any]:
    return document("notion/notion-openapi.json")["paths"][NOTION[name]][verb.lower()]


def salesforce(name: str) -> dict[str, Any]:
    return document(f"salesforce/rest/{SALESFORCE[name]}.json")


def swagger_errors(schema: dict[str, Any], value: Any) -> list[str]:
    """What is wrong with ``value`` by a schema of Slack's document (Swagger 2.0, which is JSON Schema 4)."""
    whole = {**schema, "definitions": document("slack/slack_web_openapi_v2.json")["definitions"]}
    return _told(jsonschema_rs.Draft4Validator(whole), value)


def openapi_errors(schema: dict[str, Any], value: Any) -> list[str]:
    """The same by a schema of Notion's document (OpenAPI 3.1)."""
    whole = {**schema, "components": document("notion/notion-openapi.json")["components"]}
    return _told(jsonschema_rs.Draft202012Validator(whole), value)


def schema_errors(path: str, value: Any) -> list[str]:
    """The same by a schema made of a vendor's TypeScript types."""
    return _told(jsonschema_rs.Draft7Validator(document(path)), value)


def _told(validator: Any, value: Any) -> list[str]:
    return sorted(
        f"/{'/'.join(map(str, error.instance_path))} {error.message}" for error in validator.iter_errors(value)
    )
