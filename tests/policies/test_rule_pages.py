"""The pages of rules, through the door: reading, writing with and without script, ending, history and restoring."""

import re

import pytest
from django.urls import reverse

from galaxy.core.models import Workspace
from policies import rule_views
from policies.models import Decision, Rule, RuleSet
from policies.services.rules import change_rule, create_rule, end_rule
from tests.extensions import PROBE, installed
from tests.policies.rule_samples import values
from tests.policies.test_decisions import QUESTION

HOSTILE = '<img src=x onerror="alert(1)">{{ 7|add:7 }}'
ASK = "require_approval"
LOCK_OUT = "lock everybody out"


def url(name, workspace, *args):
    return reverse(f"policies:{name}", args=[workspace.slug, *args])


@pytest.fixture
def make(workspace, admin):
    def made(title="Nothing is deleted", effect="deny", reason="To be safe", **parts):
        said = values(effect, title, **(parts or {"what": {"effects": ["delete"]}}))
        more = {"reason": reason, "seen": workspace.policy_version, "confirmed": True}
        return create_rule(workspace, actor=admin, values=said, **more)

    return made


@pytest.fixture
def sent(workspace, admin):
    """``sent(title=…, …)``: what the form sends of a rule that asks about writes, with what is given instead."""

    def fields(**given):
        return {
            "title": "Writes wait", "effect": ASK, "what_acts": ["call"], "what_effects": ["write"],
            "ask_reviewers": "approvers", "ask_needed": "1", "ask_expires_h": "8", "reason": "To be safe",
            "owner": str(admin.pk), "seen": str(Workspace.objects.get(pk=workspace.pk).policy_version),
        } | given  # fmt: skip

    return fields


# --- Looking -----------------------------------------------------------------------------------------------------


def test_without_rules_the_page_says_what_holds_and_who_may_write(client_of, workspace, member, owner, admin):
    text = client_of(member).get(url("rule-list", workspace)).text
    for words in (
        "No rules yet",
        "Allowed to whoever may run the extension.",
        owner.name,
        admin.name,
        "Needs “Write rules",
    ):
        assert words in text
    assert url("rule-create", workspace) not in text
    assert url("rule-create", workspace) in client_of(admin).get(url("rule-list", workspace)).text


def test_the_list_shows_each_rule_as_a_sentence_with_its_owner_and_last_change(
    client_of, workspace, auditor, admin, make
):
    rule = make()
    text = client_of(auditor).get(url("rule-list", workspace)).text
    for words in ("When anybody wants to delete", "deny it", "Rule 1", f"Owner {admin.name}", "To be safe", "Denied"):
        assert words in re.sub(r"<[^>]+>", "", text)
    assert rule.get_absolute_url() in text


def test_the_list_takes_the_same_queries_however_many_rules_there_are(
    client_of, workspace, member, make, django_assert_max_num_queries
):
    browser = client_of(member)
    for number in range(6):
        make(f"Rule {number}", when={"over": number})
    with django_assert_max_num_queries(23):
        assert browser.get(url("rule-list", workspace)).status_code == 200
    with django_assert_max_num_queries(20):
        assert browser.get(url("ruleset-list", workspace)).status_code == 200


def test_a_long_list_has_pages(client_of, workspace, member, make, monkeypatch):
    monkeypatch.setattr(rule_views, "PAGE_SIZE", 2)
    for number in range(3):
        make(f"Rule of {number}", when={"over": number})
    first, second = (client_of(member).get(url("rule-list", workspace), {"page": page}).text for page in (1, 2))
    assert (">Rule of 1</a>" in first, ">Rule of 2</a>" in first) == (True, False)
    assert (">Rule of 1</a>" in second, ">Rule of 2</a>" in second) == (False, True)


def test_what_a_rule_names_and_is_gone_stays_in_sight_until_it_is_taken_out(
    client_of, workspace, admin, member, make, sent
):
    """A form that left it out would drop it in silence, or give the rule to somebody else."""
    gone = "7b2c9d8e-0000-4000-8000-000000000000"
    rule = make(who={"agents": [gone], "roles": ["member"]})
    Rule.objects.filter(pk=rule.pk).update(owner=member)  # who may write rules no longer
    form = client_of(admin).get(url("rule-change", workspace, rule.pk)).context["form"]
    assert (gone, "7b2c9d8e (not any more)") in form.fields["who_agents"].choices
    assert (str(member.pk), f"{member} (not any more)") in form.fields["owner"].choices
    fields = sent(who_agents=[gone], owner=str(member.pk), confirmed="on")
    response = client_of(admin).post(url("rule-change", workspace, rule.pk), fields)
    assert response.context["form"].errors["owner"] == ["Choose somebody who may write rules."]
    fields["owner"] = str(admin.pk)
    assert client_of(admin).post(url("rule-change", workspace, rule.pk), fields).status_code == 302
    assert Rule.objects.get(pk=rule.pk).who == {"agents": [gone]}


def test_words_of_people_stay_words(client_of, workspace, admin, make):
    rule = make(HOSTILE[:80], reason=HOSTILE)
    for page in (url("rule-list", workspace), rule.get_absolute_url(), url("ruleset-detail", workspace, 1),
                 url("ruleset-list", workspace), url("rule-change", workspace, rule.pk)):  # fmt: skip
        text = client_of(admin).get(page).text
        assert "<img src=x" not in text
        assert "{{ 7|add:7 }}" in text


def test_a_rule_page_names_what_it_overlaps_and_what_was_done_to_it(client_of, workspace, member, admin, make):
    first = make()
    second = make("CRM asks", ASK, what={"scopes": ["crm.**.delete"]})
    change_rule(first, actor=admin, values=values(what={"effects": ["delete", "write"]}), reason="Wider", seen=2)
    text = client_of(member).get(second.get_absolute_url()).text
    assert "Rule 1, Nothing is deleted: it denies, and wins." in text
    text = client_of(member).get(first.get_absolute_url()).text
    for words in (
        "Rule 1, Nothing is deleted, made.",
        "changed: what.",
        "Wider",
        "Rule 2, CRM asks: it asks, and this one wins.",
    ):
        assert words in text


# --- Writing -----------------------------------------------------------------------------------------------------


def test_a_rule_is_written_in_a_form_and_read_back_as_a_sentence(client_of, workspace, admin, sent):
    browser = client_of(admin)
    assert browser.get(url("rule-create", workspace)).status_code == 200
    response = browser.post(url("rule-create", workspace), sent(), follow=True)
    rule = Rule.objects.in_workspace(workspace).get()
    assert response.redirect_chain == [(rule.get_absolute_url(), 302)]
    assert (rule.what, rule.ask["expires_h"], rule.reason) == (
        {"acts": ["call"], "effects": ["write"]},
        8,
        "To be safe",
    )
    assert "Rule 1 holds from now on, as policy 1." in response.text
    assert "ask an approver" in response.text


def test_the_whole_vocabulary_can_be_said_and_comes_back_into_the_form(client_of, workspace, admin, sent, approver):
    installed(workspace, admin, PROBE)
    hours = {"days": ["1", "5"], "from": "09:00", "to": "18:00", "zone": "Europe/Berlin"}
    fields = sent(
        who_people="on", who_roles=["member"], who_agents=["any"], who_packs=["any", ""],
        what_scopes=["things.**.write", ""], what_extensions=["probe"], what_actions=["probe.create", "probe.announce"],
        what_kinds=["action"], what_levels=["community"], what_acts=["call", "install"],
        when_over="10", when_classes=["email"], when_destructive="on", when_new_destination="on",
        when_amount_field="invoice.total", when_amount_over="99.5", when_mode="live",
        **{f"when_hours_{name}": value for name, value in hours.items()}, when_hours_outside="outside",
        ask_reviewers="role:owner", ask_second_factor="on", step1_after_h="2", step1_to=f"person:{approver.pk}",
        **{f"ask_business_hours_{name}": value for name, value in hours.items()},
        redact_email="drop", rate_count="5", rate_per="hour", confirmed="on",
    )  # fmt: skip
    browser = client_of(admin)
    response = browser.post(url("rule-create", workspace), fields)
    assert response.status_code == 302, response.context["form"].errors
    rule = Rule.objects.in_workspace(workspace).get()
    week = {"days": [1, 5], "from": "09:00", "to": "18:00", "zone": "Europe/Berlin"}
    assert rule.who == {"people": True, "roles": ["member"], "agents": ["any"], "packs": ["any"]}
    assert rule.what == {
        "acts": ["call", "install"], "scopes": ["things.**.write"], "extensions": ["probe"], "effects": ["write"],
        "actions": ["probe.announce", "probe.create"], "kinds": ["action"], "levels": ["community"],
    }  # fmt: skip
    assert rule.when == {
        "classes": ["email"], "over": 10, "destructive": True, "amount": {"field": "invoice.total", "over": 99.5},
        "new_destination": True, "mode": "live", "hours": week | {"outside": True},
    }  # fmt: skip
    assert rule.ask == {
        "reviewers": "role:owner", "needed": 1, "expires_h": 8, "second_factor": True, "business_hours": week,
        "escalate": [{"after_h": 2, "to": f"person:{approver.pk}"}],
    }  # fmt: skip
    assert rule.obligations == {"redact": {"email": "drop"}, "rate": {"count": 5, "per": "hour"}}
    form = browser.get(url("rule-change", workspace, rule.pk)).context["form"]
    again = {name: form[name].value() for name in form.fields}
    changed = browser.post(
        url("rule-change", workspace, rule.pk),
        {name: value for name, value in again.items() if value not in (None, "", False)}
        | {"title": "New", "reason": "x", "confirmed": "on"},
    )
    assert changed.status_code == 302, changed.context["form"].errors
    stored = Rule.objects.get(pk=rule.pk)
    for name in ("who", "what", "when", "ask", "obligations"):
        assert getattr(stored, name) == getattr(rule, name), name


def test_triggers_are_a_word_of_the_form_also_where_a_rule_names_one_that_is_gone(
    client_of, workspace, admin, make, sent
):
    browser = client_of(admin)
    assert "any trigger" in browser.get(url("rule-create", workspace)).text
    rule = make(who={"triggers": ["nightly"]})
    change_url = url("rule-change", workspace, rule.pk)
    assert 'name="who_triggers" value="nightly"' in browser.get(change_url).text
    fields = sent(who_triggers=["nightly", ""], title="Still of triggers", confirmed="on")
    assert browser.post(change_url, fields).status_code == 302
    assert Rule.objects.get(pk=rule.pk).who == {"triggers": ["nightly"]}


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"title": ""}, "title", "required"),
        ({"reason": ""}, "reason", "required"),
        ({"when_over": "-4"}, "when_over", "whole number"),
        ({"what_scopes": ["crm..write"]}, "what_scopes", "no scope pattern"),
        ({"when_amount_over": "5"}, "when_amount_field", "Name a field"),
        ({"when_hours_days": ["1"], "when_hours_from": "25:00"}, "when_hours_from", "Give a time"),
        ({"ask_needed": "4"}, "ask_needed", "are 3 people"),
        ({"step1_after_h": "9", "step1_to": "approvers"}, "step1_after_h", "before it expires"),
        ({"rate_count": "5"}, "rate_count", "per minute"),
        ({"effect": "deny", "what_effects": []}, "effect", LOCK_OUT),
        ({"owner": "nobody"}, "owner", "Select a valid choice"),
    ],
)  # fmt: skip
def test_what_is_wrong_stands_beside_its_field_and_the_rest_is_kept(
    client_of, workspace, admin, sent, given, field, words
):
    response = client_of(admin).post(url("rule-create", workspace), sent(**{"title": "Kept"} | given))
    assert response.status_code == 422
    form = response.context["form"]
    assert any(words in error for error in form.errors[field]), form.errors
    if "title" not in given:
        assert 'value="Kept"' in response.text
    assert RuleSet.objects.in_workspace(workspace).count() == 0


def test_a_likely_mistake_is_asked_about_before_it_is_saved(client_of, workspace, admin, sent):
    browser, fields = client_of(admin), sent(what_extensions=["nowhere"])
    response = browser.post(url("rule-create", workspace), fields)
    assert response.status_code == 422
    assert "nowhere is not installed here." in response.text
    assert 'name="confirmed"' in response.text
    assert browser.post(url("rule-create", workspace), fields | {"confirmed": "on"}).status_code == 302


def test_whoever_saves_on_old_rules_sees_what_changed_and_can_save_again(client_of, workspace, admin, make, sent):
    rule = make()
    fields = sent(seen="1")
    make("Meanwhile", what={"acts": ["install"]}, reason="New order")
    browser = client_of(admin)
    response = browser.post(url("rule-change", workspace, rule.pk), fields)
    assert response.status_code == 409
    for words in ("The rules changed while you worked on this.", "Rule 2, Meanwhile, made.", "New order"):
        assert words in response.text
    assert 'value="Writes wait"' in response.text
    seen = re.search(r'name="seen" value="(\d+)"', response.text).group(1)
    assert browser.post(url("rule-change", workspace, rule.pk), fields | {"seen": seen}).status_code == 302
    assert Rule.objects.get(pk=rule.pk).title == "Writes wait"


def test_a_draft_is_looked_at_without_being_saved(client_of, as_htmx, workspace, admin, sent):
    decision = Decision.objects.create(
        workspace=workspace, effect="allow", action="hubspot.find_task", input=stored_question()
    )
    fields = sent(effect="deny", what_effects=["read"], title="", reason="", check="1", call=str(decision.pk))
    page = client_of(admin).post(url("rule-create", workspace), fields)
    part = as_htmx(admin).post(url("rule-create", workspace), fields)
    for response in (page, part):
        assert response.status_code == 200
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", response.text))
        for words in ("When anybody wants to read", "Newly blocked1", "1 recorded call", "hubspot.find_task reads."):
            assert words in text
    assert "<html" in page.text
    assert "<html" not in part.text
    for name in ("rule-draft", "rule-tried", "rule-beside"):
        assert re.search(f'id="{name}"[^>]* hx-swap-oob="true"', part.text)
    assert RuleSet.objects.in_workspace(workspace).count() == 0


def stored_question():
    now = {"now": "2026-01-02T03:04:00+00:00"}
    parts = {name: vars(value) for name, value in QUESTION.items()}
    plain = {
        name: {key: sorted(value) if isinstance(value, tuple | frozenset) else value for key, value in part.items()}
        for name, part in parts.items()
    }
    return plain | {"context": plain["context"] | now}


def test_a_draft_that_cannot_be_read_says_why(as_htmx, workspace, admin, sent):
    text = as_htmx(admin).post(url("rule-create", workspace), sent(when_over="many", check="1")).text
    assert "This cannot be read yet." in text
    assert "More records than: Enter a whole number." in text
    text = as_htmx(admin).post(url("rule-create", workspace), sent(effect="deny", what_effects=[], check="1")).text
    assert LOCK_OUT in text


def test_a_call_of_another_workspace_is_not_tried(as_htmx, workspace, other_workspace, admin, sent, stranger):
    from galaxy.core.scope import workspace_scope

    with workspace_scope([other_workspace.pk]):
        foreign = Decision.objects.create(
            workspace=other_workspace, effect="allow", action="secret.call", input=stored_question()
        )
    for call in (str(foreign.pk), "no id"):
        response = as_htmx(admin).post(url("rule-create", workspace), sent(check="1", call=call))
        assert response.status_code == 200
        assert "secret.call" not in response.text


# --- Ending and restoring ----------------------------------------------------------------------------------------


def test_a_rule_is_ended_with_a_reason_and_that_can_be_undone(client_of, workspace, admin, make):
    make("Other", what={"acts": ["install"]})
    rule = make()
    browser = client_of(admin)
    page = browser.get(url("rule-end", workspace, rule.pk))
    assert "Without it in the last 30 days" in page.text
    assert browser.post(url("rule-end", workspace, rule.pk), {"reason": "", "seen": "2"}).status_code == 422
    ended = browser.post(url("rule-end", workspace, rule.pk), {"reason": "Enough", "seen": "2"}, follow=True)
    assert "This rule does not hold any more." in ended.text
    undo = re.search(
        r'action="([^"]+restore/)".*?name="seen" value="(\d+)".*?name="reason" value="([^"]+)"', ended.text
    )
    done = browser.post(undo.group(1), {"seen": undo.group(2), "reason": undo.group(3)}, follow=True)
    assert "The rules of policy 2 hold again, as policy 4." in done.text
    assert Rule.objects.get(pk=rule.pk).ended_at is None


def test_the_only_rule_that_ended_can_be_undone_too(client_of, workspace, admin, make):
    rule = make()
    end_rule(rule, actor=admin, reason="Enough", seen=1)
    assert 'value="The end of rule 1 was undone."' in client_of(admin).get(rule.get_absolute_url()).text


def test_what_ended_is_not_edited_any_more(client_of, workspace, admin, make):
    rule = make()
    end_rule(rule, actor=admin, reason="Enough", seen=1)
    for name in ("rule-change", "rule-end"):
        assert client_of(admin).get(url(name, workspace, rule.pk)).url == rule.get_absolute_url()


def test_history_lists_every_set_and_shows_what_differs_between_two(client_of, workspace, auditor, admin, make):
    rule = make()
    make("Installs ask", ASK, what={"acts": ["install"]})
    change_rule(rule, actor=admin, values=values(what={"effects": ["write"]}), reason="Else", seen=2)
    text = client_of(auditor).get(url("ruleset-list", workspace)).text
    for words in ("Rule 1, Nothing is deleted, made.", "Rule 2, Installs ask, made.", "changed: what.", "In force"):
        assert words in text
    text = client_of(auditor).get(url("ruleset-detail", workspace, 3)).text
    assert re.search(r"<del>.*wants to delete.*</del>", text)
    assert re.search(r"<ins>.*wants to write.*</ins>", text)
    text = client_of(auditor).get(url("ruleset-detail", workspace, 3) + "?against=1").text
    assert re.search(r'class="same">not there</td>\s*<td><ins>Installs ask: ', text)
    assert client_of(auditor).get(url("ruleset-detail", workspace, 9)).status_code == 404
    assert client_of(auditor).get(url("ruleset-detail", workspace, 1) + "?against=x").status_code == 200


def test_restoring_shows_the_difference_and_its_replay_first(client_of, workspace, admin, make):
    rule = make()
    change_rule(rule, actor=admin, values=values(what={"effects": ["write"]}), reason="Else", seen=1)
    browser, page = client_of(admin), url("ruleset-restore", workspace, 1)
    text = browser.get(page).text
    assert "Had they held for the last 30 days" in text
    assert re.search(r"<ins>.*wants to delete.*</ins>", text)
    assert browser.post(page, {"reason": "Back", "seen": "1"}).status_code == 409
    assert browser.post(page, {"reason": "Back", "seen": "2"}).url == url("rule-list", workspace)
    assert Workspace.objects.get(pk=workspace.pk).policy_version == 3
    assert "These rules hold already." in browser.get(page).text
