"""The front page: what this is, the organizations, and a few things that a newcomer can let go wrong."""

import html
import json
import re
from http import HTTPStatus

from console.practice.answers import Answer, Request
from console.practice.faults import Faults
from console.practice.state import Organization, StoredObject
from console.practice.store import Store

_DONE = {
    "foreign-write": "Somebody else has just written the configuration. The console sees it at its next look.",
    "faults": "The rule stands. It waits for the next request that it speaks of.",
    "clear": "Every rule is removed; the platform behaves.",
    "delete": "The configuration has vanished.",
    "revoke": "All tokens have ended; the next request with one is answered 401.",
}
_PRANKS = (
    ("drop_after_commit", "Let the next write land and lose its answer"),
    ("drop_before_commit", "Lose the next write before it lands"),
    ("unavailable_503", "Answer the next write with 503, nothing written"),
    ("false_409", "Let the next write land and say 409"),
    ("locked_409", "Say once that the configuration is locked"),
    ("foreign_write", "Let somebody else write just before the next write"),
)
_HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Practice platform</title>
<link rel="stylesheet" href="/style.css"></head><body><main>"""


_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; }
main { max-width: 70rem; margin: 0 auto; padding: 1rem 1.5rem 3rem; }
table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8886; }
td:first-child { overflow-wrap: anywhere; }
form { margin: .3rem 0; }
button { font: inherit; padding: .15rem .6rem; cursor: pointer; }
summary { cursor: pointer; white-space: nowrap; }
[role=status] { border-left: .3rem solid #1d5fc2; padding: .3rem .8rem; background: #1d5fc21a; }
"""


def style_sheet() -> Answer:
    """Return the page's style sheet."""
    return Answer(HTTPStatus.OK, _STYLE.encode(), content_type="text/css; charset=utf-8")


def front_page(store: Store, faults: Faults, request: Request) -> Answer:
    """Return the page."""
    parts = [_HEAD, "<h1>Practice platform</h1>"]
    parts.append(
        "<p>This is not the real platform. It is a stand-in on this machine that answers like it, so that a rollback "
        "can be tried, and can go wrong, without harm.</p>"
    )
    done = _DONE.get(request.query.get("done", ""))
    if done:
        parts.append(f'<p role="status"><strong>{done}</strong></p>')
    rules = faults.standing()
    if rules:
        parts.append("<h2>Rules that stand</h2><ul>")
        for rule in rules:
            left = "until removed" if rule.times is None else f"{rule.times} more"
            where = html.escape(rule.path or "every path")
            parts.append(f"<li>{rule.kind}, {rule.method or 'any method'}, {where}, {left}</li>")
        parts.append("</ul>" + _form("faults/clear", {}, "Remove every rule"))
    for one in store.organizations.values():
        parts.append(f"<h2>{html.escape(one.name)}</h2>")
        parts.append("<table><thead><tr><th>Configuration<th>Version<th>Last written<th>Try</tr></thead><tbody>")
        parts.extend(_row(one, stored) for stored in one.of_family("assist"))
        parts.append("</tbody></table>")
    parts.append("<h2>More</h2>" + _form("tokens/revoke", {}, "End all tokens"))
    parts.append(
        '<p>Logs: <a href="/practice/writes">accepted writes</a>, <a href="/practice/requests">recent requests</a>, '
        '<a href="/practice/organizations">organizations and switches</a>.</p></main></body></html>'
    )
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'",
        "Cache-Control": "no-store",
    }
    return Answer(HTTPStatus.OK, "".join(parts).encode("utf-8", "replace"), headers, "text/html; charset=utf-8")


def _row(organization: Organization, stored: StoredObject) -> str:
    path = f"/api/v2/agentassist/configs/{stored.id}"
    live = stored.live
    name = html.escape(str(json.loads(live.members["name"])))
    target = {"organization": organization.slug, "object": path}
    rule = {"organization": organization.slug, "path": re.escape(path) + "$"}
    forms = [_form("foreign-write", target, "Let somebody else write now")]
    forms += [_form("faults", {**rule, "method": "PUT", "kind": kind}, label) for kind, label in _PRANKS]
    when = live.at.astimezone().strftime("%d %b %Y %H:%M")
    who = html.escape(live.by.name)
    return (
        f"<tr><td>{name}<br><code>{html.escape(stored.id)}</code><td>{live.version}<td>{when}, {who}"
        f"<td><details><summary>Let something happen</summary>{''.join(forms)}</details></tr>"
    )


def _form(action: str, fields: dict[str, str], label: str) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{key}" value="{html.escape(value)}">' for key, value in fields.items()
    )
    return f'<form method="post" action="/practice/{action}">{hidden}<button>{label}</button></form>'
