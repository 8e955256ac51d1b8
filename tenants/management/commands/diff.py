"""`diff CONFIG FROM TO`."""

import difflib
from typing import TYPE_CHECKING, Any

from tenants import addresses, archive, capture, connections, labelling
from tenants.documents import Difference, Missing, compare, patch_of, to_text
from tenants.documents.labels import shortened, visible
from tenants.resource_types import catalogue, projection, secrets
from tenants.terminal import ExitCode, TerminalCommand

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from tenants.documents import Change, Value
    from tenants.models import TrackedConfig
    from tenants.remote.client import Platform
    from tenants.resource_types.definition import ResourceType

_LONGEST_VALUE = 300
_MARKS = {"added": "+", "removed": "-", "changed": "~", "moved": ">"}


class Command(TerminalCommand):
    help = "Say what differs between two versions; exit 0 equal, 1 different."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        self.add_config_arguments(parser)
        parser.add_argument("before", metavar="FROM", help="a number such as 12, baseline, a label, or live")
        parser.add_argument("after", metavar="TO")
        parser.add_argument(
            "--all", action="store_true", help="also what the server sets or moves by itself (version, dates, counts …)"
        )
        parser.add_argument(
            "--patch", action="store_true", help="print all of it as a JSON Patch (RFC 6902); words stand for secrets"
        )

    def run(self, **options: Any) -> ExitCode:
        config = addresses.find_config(None, (options["tenant"], options["address"]))
        rtype = catalogue.get(config.resource_type)
        words = (options["before"], options["after"])
        platform = connections.connect(config.tenant) if addresses.LIVE in words else None
        (before, side_before), (after, side_after) = (_side(config, rtype, word, platform) for word in words)
        before, after = secrets.hidden_pair(rtype, before, after)
        difference = compare(before, after, identity_keys=rtype.identity_keys, volatile=_set_by_the_server(rtype))
        shown = difference if options["all"] else Difference(difference.significant)
        equal = not difference.significant
        if options["patch"]:
            self.print_json(patch_of(difference))
        elif self.as_json:
            self.print_json({"from": side_before, "to": side_after, "equal": equal, "changes": shown.to_json()})
        else:
            self._say(config, words, (side_before, side_after), shown, equal=equal)
        return ExitCode.DONE if equal else ExitCode.ERROR

    def _say(
        self,
        config: "TrackedConfig",
        words: tuple[str, str],
        sides: "tuple[dict[str, Value], dict[str, Value]]",
        shown: Difference,
        *,
        equal: bool,
    ) -> None:
        names = [_named(word, side) for word, side in zip(words, sides, strict=True)]
        self.tell(self.paint(visible(f"{config.tenant.slug} {config.address}: {names[0]} → {names[1]}"), "bold"))
        if equal:
            self.tell("The configuration is the same.")
        else:
            counted = ", ".join(f"{number} {kind}" for kind, number in shown.counts.items() if number)
            self.tell(f"{len(shown.changes)} {'difference' if len(shown.changes) == 1 else 'differences'}: {counted}.")
        for change in shown.changes:
            self.tell("")
            mark = _MARKS[change.kind]
            self.tell(self.paint(f"{mark} {change.kind} {' › '.join(change.trail) or 'everything'}", change.kind))
            self.tell(f"    {visible(change.path or '(the whole document)')}")
            for sign, line in _lines(change):
                colour = {"-": "removed", "+": "added"}.get(sign)
                text = f"    {sign} {line}"
                self.tell(self.paint(text, colour) if colour else text)


def _side(
    config: "TrackedConfig", rtype: "ResourceType", word: str, platform: "Platform | None"
) -> "tuple[dict[str, Value], dict[str, Value]]":
    """Give one side's content without what means nothing, and what identifies it."""
    if word == addresses.LIVE and platform is not None:
        answer = capture.read_live(config, platform)
        value = archive.check(config, rtype, answer.body)
        etag = answer.etag.decode("latin-1") if answer.etag is not None else None
        version = projection.version_of(rtype, value)
    else:
        snapshot = addresses.find_snapshot(config, word)
        value = archive.value_of(snapshot)
        etag, version = snapshot.etag_text or None, snapshot.version
    identity: dict[str, Value] = {
        "version": version,
        "etag": etag,
        "digest": projection.content_digest(rtype, value),
        "live": word == addresses.LIVE,
    }
    if rtype.null_clears:  # null and absent are one configuration there
        value = {key: member for key, member in value.items() if member is not None}
    return value, identity


def _set_by_the_server(rtype: "ResourceType") -> tuple[str, ...]:
    return tuple(rtype.set_apart)


def _named(word: str, side: "dict[str, Value]") -> str:
    number = f"v{side['version']}" if side["version"] is not None else ""
    if word in {addresses.LIVE, addresses.BASELINE, *labelling.NAMES}:
        return f"{word} ({number})" if number else word
    return number


def _lines(change: "Change") -> list[tuple[str, str]]:
    """Give the lines that show a change: sign and text."""
    if change.kind == "moved":
        if change.from_index is None or change.to_index is None:
            return []
        return [(" ", f"from place {change.from_index + 1} to place {change.to_index + 1}")]
    before, after = change.before, change.after
    if isinstance(before, str) and isinstance(after, str) and ("\n" in before or "\n" in after):
        lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm=""))[2:]
        return [
            (line[:1] if line[:1] in "+- " else " ", visible(line[1:] if line[:1] in "+- " else line)) for line in lines
        ]
    return [
        (sign, shortened(visible(to_text(value)), longest=_LONGEST_VALUE))
        for sign, value in (("-", before), ("+", after))
        if not isinstance(value, Missing)
    ]
