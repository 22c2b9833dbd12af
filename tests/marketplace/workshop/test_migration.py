"""A draft in an older format is shown before and after, and kept once (F10)."""

from pathlib import Path

from django.urls import reverse

from marketplace.workshop.drafts import begin_draft, save_draft
from marketplace.workshop.models import Draft

OLD = (Path(__file__).parents[2] / "registry/manifests/old/tickets.v0.yaml").read_text()


def url(draft):
    return reverse("workshop:draft-migration", args=[draft.workspace.slug, draft.pk])


def test_both_texts_are_shown_and_the_new_one_is_kept_once(client_of, workspace, creator):
    draft, client = begin_draft(workspace, text=OLD, actor=creator), client_of(creator)
    assert url(draft) in client.get(draft.get_absolute_url()).text
    page = client.get(url(draft)).text
    assert "<del>− hosts:</del>" in page and "<ins>+ egress:</ins>" in page and "hosts is egress." in page
    assert client.post(url(draft), {"revision": draft.revision}).status_code == 302
    draft = Draft.objects.get(pk=draft.pk)
    assert "api: v1" in draft.text and "# production" in draft.text
    assert client.get(url(draft)).status_code == 404
    assert url(draft) not in client.get(draft.get_absolute_url()).text


def test_what_somebody_saved_meanwhile_is_not_written_over(client_of, workspace, creator):
    draft = begin_draft(workspace, text=OLD, actor=creator)
    save_draft(draft, text=f"{OLD}# Mine.\n", revision=draft.revision, actor=creator)
    assert client_of(creator).post(url(draft), {"revision": draft.revision}).status_code == 409
    assert Draft.objects.get(pk=draft.pk).text.endswith("# Mine.\n")
