"""Each action of the six connectors as the vendor's own client makes it: the same wish, said in the client's words.

``OFFICIAL`` maps an action to inputs for Galaxy, all that it takes, and to a function that has the client do the same.
A list has a second case, named ``..., next page``, with the same inputs.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any
from urllib.parse import urlsplit

from googleapiclient.http import MediaInMemoryUpload
from hubspot.crm.contacts import (
    BatchInputSimplePublicObjectId,
    PublicObjectSearchRequest,
    SimplePublicObjectId,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.objects.tasks import SimplePublicObjectInputForCreate as TaskForCreate

from tests.oracles.clients import SALESFORCE_HOST


@dataclass(frozen=True)
class Case:
    """``call`` is handed the client. ``page`` is the token of the page asked for (sandbox.rest.pages), None for the
    first."""

    inputs: dict[str, Any]
    call: Callable[[Any], Any]
    page: str | None = None


def _raw(to: list[str], subject: str, text: str, cc: list[str] | None = None) -> str:
    """An email as Google's guide makes one. The padding is left off: RFC 4648, section 3.2, permits both."""
    message = EmailMessage(policy=SMTP)
    message["To"] = ", ".join(to)
    if cc:
        message["Cc"] = ", ".join(cc)
    message["Subject"] = subject
    message.set_content(text)
    return base64.urlsafe_b64encode(message.as_bytes()).decode().rstrip("=")


TO = ["ada@example.com", "grace@example.com"]
LETTER = {"to": TO, "subject": "Größe & more", "body": "Dear Ada,\nit is done – at last."}
FILE = "1XBrKm0pQ7dZ2vN8sYtL4eJ6hCfWgUaTo"
LEADS_CSV = "name,company\nAda,Größe & Söhne\n".encode()
FOLDER = "application/vnd.google-apps.folder"
LISTED = "nextPageToken,files(id,name,mimeType,webViewLink)"
PAGE = "59833787-2cf9-4fdf-8782-e53db20768a5"
LEAD = "00Q5g00000ABCDEEA5"
SOQL = "SELECT Id, Name FROM Lead WHERE Company = 'R&D +1' LIMIT 10"
MORE_RECORDS = "/services/data/v62.0/query/01gD0000002HU6KIAW-2000"
LEADS = [
    {"attributes": {"type": "Lead"}, "LastName": "Lovelace", "Company": "Engines"},
    {"attributes": {"type": "Contact"}, "LastName": "Hopper"},
]
CHANGED = [{"attributes": {"type": "Lead"}, "id": LEAD, "Company": "Engines & Söhne"}]
FOUND = ["email", "firstname", "lastname"]
PROPERTIES = [*FOUND, "phone", "company"]
ADA = {
    "email": "ada@example.com", "firstname": "Ada", "lastname": "Lovelace", "phone": "+14155550132",
    "company": "Engines & Söhne",
}  # fmt: skip
WHO = {
    "email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace", "phone": "+14155550132",
    "company": "Engines & Söhne",
}  # fmt: skip
MESSAGE = {"channel": "C024BE91L", "ts": "1767456000.000200"}
REACTION = {"channel": "C024BE91L", "timestamp": "1767456000.000200", "name": "thumbsup"}


def _paragraph(text: str) -> dict[str, Any]:
    return {"type": "paragraph", "paragraph": {"rich_text": [{"type": "text", "text": {"content": text}}]}}


GMAIL = {
    "send": Case(
        LETTER | {"cc": ["jordan@example.com"]},
        lambda gmail: gmail.users().messages().send(
            userId="me", body={"raw": _raw(TO, LETTER["subject"], LETTER["body"], ["jordan@example.com"])}
        ).execute(),
    ),
    "create_draft": Case(
        LETTER,
        lambda gmail: gmail.users().drafts().create(
            userId="me", body={"message": {"raw": _raw(TO, LETTER["subject"], LETTER["body"])}}
        ).execute(),
    ),
    "delete_draft": Case(
        {"draft_id": "r-4718293650112233445"},
        lambda gmail: gmail.users().drafts().delete(userId="me", id="r-4718293650112233445").execute(),
    ),
    "search_messages": Case(
        {"query": "from:ada & späte Post"},
        lambda gmail: gmail.users().messages().list(userId="me", q="from:ada & späte Post", maxResults=100).execute(),
    ),
    "search_messages, next page": Case(
        {"query": "from:ada & späte Post"},
        lambda gmail: gmail.users().messages().list_next(
            gmail.users().messages().list(userId="me", q="from:ada & späte Post", maxResults=100),
            {"nextPageToken": "0923/8+1=="},
        ).execute(),
        page='"0923/8+1=="',
    ),
    "get_message": Case(
        {"id": "19b8c2f04d7e6a15"},
        lambda gmail: gmail.users().messages().get(
            userId="me", id="19b8c2f04d7e6a15", format="metadata", metadataHeaders=["From", "Subject"]
        ).execute(),
    ),
    "list_labels": Case({}, lambda gmail: gmail.users().labels().list(userId="me").execute()),
    "label_messages": Case(
        {"ids": ["19b8c2f04d7e6a15", "19b8c2f04d7e6a16"], "add": ["Label_7"], "remove": ["UNREAD"]},
        lambda gmail: gmail.users().messages().batchModify(
            userId="me",
            body={
                "ids": ["19b8c2f04d7e6a15", "19b8c2f04d7e6a16"],
                "addLabelIds": ["Label_7"],
                "removeLabelIds": ["UNREAD"],
            },
        ).execute(),
    ),
    "trash_message": Case(
        {"id": "19b8c2f04d7e6a15"},
        lambda gmail: gmail.users().messages().trash(userId="me", id="19b8c2f04d7e6a15").execute(),
    ),
    "restore_message": Case(
        {"id": "19b8c2f04d7e6a15"},
        lambda gmail: gmail.users().messages().untrash(userId="me", id="19b8c2f04d7e6a15").execute(),
    ),
}  # fmt: skip

DRIVE = {
    "get_account": Case(
        {}, lambda drive: drive.about().get(fields="user(displayName,emailAddress),storageQuota(limit,usage)").execute()
    ),
    "search_files": Case(
        {"query": "name contains 'Größe & more'"},
        lambda drive: drive.files().list(
            q="name contains 'Größe & more'", orderBy="modifiedTime desc", fields=LISTED, pageSize=100,
            supportsAllDrives=True, includeItemsFromAllDrives=True,
        ).execute(),
    ),
    "search_files, next page": Case(
        {"query": "name contains 'Größe & more'"},
        lambda drive: drive.files().list(
            q="name contains 'Größe & more'", orderBy="modifiedTime desc", fields=LISTED, pageSize=100,
            pageToken="~!!~AI9FV7", supportsAllDrives=True, includeItemsFromAllDrives=True,
        ).execute(),
        page='"~!!~AI9FV7"',
    ),
    "get_file": Case(
        {"id": FILE},
        lambda drive: drive.files().get(
            fileId=FILE, fields="id,name,mimeType,webViewLink,modifiedTime", supportsAllDrives=True
        ).execute(),
    ),
    "read_document": Case(
        {"id": FILE}, lambda drive: drive.files().export(fileId=FILE, mimeType="text/plain").execute()
    ),
    "download_file": Case(
        {"id": FILE}, lambda drive: drive.files().get_media(fileId=FILE, supportsAllDrives=True).execute()
    ),
    "upload_file": Case(
        {
            "name": "leads.csv", "content": base64.b64encode(LEADS_CSV).decode(), "media_type": "text/csv",
            "parent_id": FILE,
        },
        lambda drive: drive.files().create(
            body={"name": "leads.csv", "mimeType": "text/csv", "parents": [FILE]},
            media_body=MediaInMemoryUpload(LEADS_CSV, mimetype="text/csv"),
            fields="id,name,webViewLink", supportsAllDrives=True,
        ).execute(),
    ),
    "create_folder": Case(
        {"name": "Analytical Engines", "parent_id": FILE},
        lambda drive: drive.files().create(
            body={"name": "Analytical Engines", "mimeType": FOLDER, "parents": [FILE]},
            fields="id,name,webViewLink", supportsAllDrives=True,
        ).execute(),
    ),
    "copy_file": Case(
        {"id": FILE, "name": "Contract", "parent_id": FILE},
        lambda drive: drive.files().copy(
            fileId=FILE, body={"name": "Contract", "parents": [FILE]}, fields="id,name,webViewLink",
            supportsAllDrives=True,
        ).execute(),
    ),
    "share_file": Case(
        {"id": FILE, "email": "ada@example.com", "role": "commenter", "notify": True},
        lambda drive: drive.permissions().create(
            fileId=FILE, body={"type": "user", "role": "commenter", "emailAddress": "ada@example.com"}, fields="id",
            sendNotificationEmail=True, supportsAllDrives=True,
        ).execute(),
    ),
    "unshare_file": Case(
        {"id": FILE, "permission_id": "14872390156724531098"},
        lambda drive: drive.permissions().delete(
            fileId=FILE, permissionId="14872390156724531098", supportsAllDrives=True
        ).execute(),
    ),
    "trash_file": Case(
        {"id": FILE},
        lambda drive: drive.files().update(
            fileId=FILE, body={"trashed": True}, fields="id,trashed", supportsAllDrives=True
        ).execute(),
    ),
    "restore_file": Case(
        {"id": FILE},
        lambda drive: drive.files().update(
            fileId=FILE, body={"trashed": False}, fields="id,trashed", supportsAllDrives=True
        ).execute(),
    ),
    "delete_file": Case(
        {"id": FILE}, lambda drive: drive.files().delete(fileId=FILE, supportsAllDrives=True).execute()
    ),
}  # fmt: skip

SLACK = {
    "get_team": Case({}, lambda slack: slack.auth_test()),
    "post_message": Case(
        {"channel": "C024BE91L", "text": "Größe & <more>", "thread_ts": "1767455900.000100"},
        lambda slack: slack.chat_postMessage(
            channel="C024BE91L", text="Größe & <more>", thread_ts="1767455900.000100"
        ),
    ),
    "update_message": Case(
        MESSAGE | {"text": "The lead was called twice."},
        lambda slack: slack.chat_update(**MESSAGE, text="The lead was called twice."),
    ),
    "delete_message": Case(MESSAGE, lambda slack: slack.chat_delete(**MESSAGE)),
    "read_messages": Case(
        {"channel": "C024BE91L", "oldest": "1767400000.000000"},
        lambda slack: slack.conversations_history(channel="C024BE91L", oldest="1767400000.000000", limit=100),
    ),
    "read_messages, next page": Case(
        {"channel": "C024BE91L", "oldest": "1767400000.000000"},
        lambda slack: slack.conversations_history(
            channel="C024BE91L", oldest="1767400000.000000", limit=100, cursor="bmV4dF90czox=="
        ),
        page='"bmV4dF90czox=="',
    ),
    "list_channels": Case({}, lambda slack: slack.conversations_list(exclude_archived=True, limit=200)),
    "list_channels, next page": Case(
        {},
        lambda slack: slack.conversations_list(exclude_archived=True, limit=200, cursor="dGVhbTpDMDYx="),
        page='"dGVhbTpDMDYx="',
    ),
    "find_user": Case(
        {"email": "ada+work@example.com"}, lambda slack: slack.users_lookupByEmail(email="ada+work@example.com")
    ),
    "add_reaction": Case(REACTION, lambda slack: slack.reactions_add(**REACTION)),
    "remove_reaction": Case(REACTION, lambda slack: slack.reactions_remove(**REACTION)),
}  # fmt: skip

HUBSPOT = {
    "create_task": Case(
        {
            "subject": "Call Ada Lovelace", "due_at": "2026-01-05T09:00:00Z", "owner_id": "64492917",
            "notes": "Größe & more", "priority": "HIGH", "contact_id": "512",
        },
        lambda client: client.crm.objects.tasks.basic_api.create(
            TaskForCreate(
                properties={
                    "hs_task_subject": "Call Ada Lovelace", "hs_timestamp": "2026-01-05T09:00:00Z",
                    "hubspot_owner_id": "64492917", "hs_task_body": "Größe & more", "hs_task_priority": "HIGH",
                    "hs_task_status": "NOT_STARTED",
                },
                associations=[
                    {
                        "to": {"id": "512"},
                        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204}],
                    }
                ],
            )
        ),
    ),
    "delete_task": Case(
        {"id": "32098761543"}, lambda client: client.crm.objects.tasks.basic_api.archive("32098761543")
    ),
    "search_contacts": Case(
        {"query": "ada", "limit": 5},
        lambda client: client.crm.contacts.search_api.do_search(
            PublicObjectSearchRequest(query="ada", limit=5, properties=FOUND)
        ),
    ),
    "get_contact": Case(
        {"id": "512"}, lambda client: client.crm.contacts.basic_api.get_by_id("512", properties=PROPERTIES)
    ),
    "create_contact": Case(
        WHO,
        lambda client: client.crm.contacts.basic_api.create(SimplePublicObjectInputForCreate(properties=ADA)),
    ),
    "update_contact": Case(
        {"id": "512"} | WHO,
        lambda client: client.crm.contacts.basic_api.update("512", SimplePublicObjectInput(properties=ADA)),
    ),
    "delete_contact": Case({"id": "512"}, lambda client: client.crm.contacts.basic_api.archive("512")),
    "delete_contacts": Case(
        {"ids": ["512", "513"]},
        lambda client: client.crm.contacts.batch_api.archive(
            BatchInputSimplePublicObjectId(inputs=[SimplePublicObjectId(id="512"), SimplePublicObjectId(id="513")])
        ),
    ),
    "list_owners": Case(
        {"email": "jordan@example.com"},
        lambda client: client.crm.owners.owners_api.get_page(email="jordan@example.com", limit=100),
    ),
    "list_owners, next page": Case(
        {"email": "jordan@example.com"},
        lambda client: client.crm.owners.owners_api.get_page(
            email="jordan@example.com", limit=100, after="NTI1Cg%3D%3D"
        ),
        page='"NTI1Cg%3D%3D"',
    ),
}  # fmt: skip

NOTION = {
    "get_connection": Case({}, lambda notion: notion.users.me()),
    "search": Case(
        {"query": "Customers", "limit": 5},
        lambda notion: notion.search(query="Customers", page_size=5, filter={"property": "object", "value": "page"}),
    ),
    "get_page": Case({"page_id": PAGE}, lambda notion: notion.pages.retrieve(PAGE)),
    "read_page": Case({"page_id": PAGE}, lambda notion: notion.blocks.children.list(PAGE, page_size=100)),
    "read_page, next page": Case(
        {"page_id": PAGE},
        lambda notion: notion.blocks.children.list(PAGE, page_size=100, start_cursor=PAGE),
        page=f'"{PAGE}"',
    ),
    "create_page": Case(
        {"parent_page_id": PAGE, "title": "Analytical Engines", "text": "Größe & more"},
        lambda notion: notion.pages.create(
            parent={"page_id": PAGE},
            properties={"title": {"title": [{"text": {"content": "Analytical Engines"}}]}},
            children=[_paragraph("Größe & more")],
        ),
    ),
    "append_text": Case(
        {"page_id": PAGE, "text": "Call Ada."},
        lambda notion: notion.blocks.children.append(PAGE, children=[_paragraph("Call Ada.")]),
    ),
    "add_comment": Case(
        {"page_id": PAGE, "text": "Welcome aboard."},
        lambda notion: notion.comments.create(
            parent={"page_id": PAGE}, rich_text=[{"text": {"content": "Welcome aboard."}}]
        ),
    ),
    "query_data_source": Case(
        {"data_source_id": PAGE, "filter": {"property": "Done", "checkbox": {"equals": True}}},
        lambda notion: notion.data_sources.query(
            PAGE, page_size=100, filter={"property": "Done", "checkbox": {"equals": True}}
        ),
    ),
    "query_data_source, next page": Case(
        {"data_source_id": PAGE, "filter": {"property": "Done", "checkbox": {"equals": True}}},
        lambda notion: notion.data_sources.query(
            PAGE, page_size=100, start_cursor=PAGE, filter={"property": "Done", "checkbox": {"equals": True}}
        ),
        page=f'"{PAGE}"',
    ),
    "update_page": Case(
        {"page_id": PAGE, "properties": {"Done": {"checkbox": True}}},
        lambda notion: notion.pages.update(PAGE, properties={"Done": {"checkbox": True}}),
    ),
    "archive_page": Case({"page_id": PAGE}, lambda notion: notion.pages.update(PAGE, in_trash=True)),
    "restore_page": Case({"page_id": PAGE}, lambda notion: notion.pages.update(PAGE, in_trash=False)),
    "list_users": Case({}, lambda notion: notion.users.list(page_size=100)),
    "list_users, next page": Case(
        {}, lambda notion: notion.users.list(page_size=100, start_cursor=PAGE), page=f'"{PAGE}"'
    ),
}  # fmt: skip

SALESFORCE = {
    "list_resources": Case({}, lambda salesforce: salesforce.restful("")),
    "query": Case({"soql": SOQL}, lambda salesforce: salesforce.query(SOQL)),
    "query, next page": Case(
        {"soql": SOQL},
        lambda salesforce: salesforce.query_more(MORE_RECORDS, identifier_is_url=True),
        page=f"https://{SALESFORCE_HOST}{MORE_RECORDS}",
    ),
    "get_record": Case(
        {"object": "Lead", "id": LEAD, "fields": ["Name", "Email"]},
        lambda salesforce: salesforce.Lead.get(LEAD, params={"fields": "Name,Email"}),
    ),
    "create_record": Case(
        {"object": "Lead", "fields": {"LastName": "Lovelace", "Company": "Engines & Söhne"}},
        lambda salesforce: salesforce.Lead.create({"LastName": "Lovelace", "Company": "Engines & Söhne"}),
    ),
    "update_record": Case(
        {"object": "Lead", "id": LEAD, "fields": {"Company": "Engines"}},
        lambda salesforce: salesforce.Lead.update(LEAD, {"Company": "Engines"}),
    ),
    "upsert_record": Case(
        {"object": "Lead", "field": "Key__c", "value": "A-1", "fields": {"LastName": "Lovelace"}},
        lambda salesforce: salesforce.Lead.upsert("Key__c/A-1", {"LastName": "Lovelace"}),
    ),
    "create_records": Case(
        {"records": LEADS, "all_or_none": False},
        lambda salesforce: salesforce.restful(
            "composite/sobjects", method="POST", json={"allOrNone": False, "records": LEADS}
        ),
    ),
    "update_records": Case(
        {"records": CHANGED, "all_or_none": True},
        lambda salesforce: salesforce.restful(
            "composite/sobjects", method="PATCH", json={"allOrNone": True, "records": CHANGED}
        ),
    ),
    "delete_record": Case({"object": "Lead", "id": LEAD}, lambda salesforce: salesforce.Lead.delete(LEAD)),
    "delete_records": Case(
        {"ids": [LEAD, "00Q5g00000ABCDHEA5"]},
        lambda salesforce: salesforce.restful(
            "composite/sobjects", method="DELETE", params={"ids": f"{LEAD},00Q5g00000ABCDHEA5", "allOrNone": "true"}
        ),
    ),
    "read_limits": Case({}, lambda salesforce: salesforce.limits()),
}  # fmt: skip

OFFICIAL: dict[str, Case] = {
    f"{connector}.{name}": case
    for connector, cases in (
        ("gmail", GMAIL), ("google-drive", DRIVE), ("slack", SLACK), ("hubspot", HUBSPOT), ("notion", NOTION),
        ("salesforce", SALESFORCE),
    )
    for name, case in cases.items()
}  # fmt: skip


def action_of(name: str) -> str:
    """``gmail.send`` of ``gmail.send`` and of ``gmail.send, next page``."""
    return name.partition(",")[0]


def next_page(name: str) -> str:
    """The case of the page after the first, which is asked for with the same inputs."""
    return f"{name}, next page"


def next_of(name: str) -> str:
    """What that case names as the next page: a cursor, or an address without its host."""
    page = OFFICIAL[next_page(name)].page or ""
    return urlsplit(page).path if page.startswith("https:") else json.loads(page)
