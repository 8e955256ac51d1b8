"""Every answer carries the strict policy, and no page of the console has an inline script or style."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

TEMPLATES = Path(settings.BASE_DIR) / "templates"


@pytest.mark.parametrize("path", ["/login/", "/", "/there-is-nothing/"])
def test_every_answer_allows_our_own_files_and_nothing_else(client: Client, db: None, path: str) -> None:
    answer = client.get(path)
    policy = answer["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "camera=()" in answer["Permissions-Policy"]
    assert "no-store" in answer["Cache-Control"]


def test_the_answer_to_a_post_without_a_token_carries_the_policy_and_a_page_of_ours(db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post("/login/", {"username": "alice"})
    assert answer.status_code == 403
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "Nothing was changed" in answer.content.decode()


def test_a_page_that_is_not_there_names_the_address_as_text(client: Client, db: None) -> None:
    answer = client.get("/tenants/%3Cscript%3Ealert(1)%3C/script%3E/", follow=True)
    assert "<script>alert" not in answer.content.decode()


@pytest.mark.parametrize("name", sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html")))
def test_no_template_has_an_inline_script_style_or_handler(name: str) -> None:
    text = re.sub(r"{%.*?%}", "", (TEMPLATES / name).read_text())
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
