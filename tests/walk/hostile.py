"""Texts that were made to do harm where they are shown or taken: public ones, and our own."""

import json

from tests.tenants.documents.corpora import corpus

OURS = (
    "<script>window.__hit=1</script>",
    '"><img src=x onerror="window.__hit=1">',
    "'><svg/onload=window.__hit=1>",
    "</textarea></title></script><script>alert(1)</script>",
    "<iframe srcdoc='<script>parent.__hit=1</script>'></iframe>",
    "<style>@import url(//evil.example/x.css)</style>",
    "<link rel=prefetch href=//evil.example/x><base href=//evil.example/>",
    "<form action=//evil.example><button autofocus onfocus=window.__hit=1>",
    "javascript:window.__hit=1//",
    "{{ request.user.password }}{% debug %}{% load static %}",
    "${7*7}#{7*7}<%= 7*7 %>",
    "\u202egnp.exe\u2066\u2067\u200b\ufeff",
    "\x1b[31mred\x1b]0;title\x07\x9b1m",
    "one\r\nSet-Cookie: a=b\r\n2026-11-22 [error] forged",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "../../../../etc/passwd",
    "' OR 1=1; DROP TABLE tenants_tenant; --",
    "x" * 3000,
    "\ud800 half a character",
    "NUL \x00 in the middle",
)


def public() -> list[str]:
    """Give the big list of naughty strings."""
    found: list[str] = json.loads(corpus("corpora", "big-list-of-naughty-strings", "blns.json").read_text("utf-8"))
    return found


def storable(text: str) -> str:
    """Give the text as PostgreSQL can hold it: without NUL and halves of characters."""
    return text.replace("\x00", "\u2400").encode("utf-8", "replace").decode("utf-8")
