"""`bisect CONFIG start GOOD BAD | good | bad | skip | status`."""

from typing import TYPE_CHECKING, Any

from tenants import actions, addresses, bisections, comparing
from tenants.bisecting import Said
from tenants.documents.labels import visible
from tenants.terminal import ExitCode, TerminalCommand, WrongUse, find_user

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from tenants.bisections import Search
    from tenants.chronicle import Bisection
    from tenants.documents import Value
    from tenants.models import Snapshot, TrackedConfig


class Command(TerminalCommand):
    help = "Find the first bad version between a good and a bad one: each answer halves what is left."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        self.add_config_arguments(parser)
        parser.add_argument("step", choices=["start", "good", "bad", "skip", "status"])
        parser.add_argument(
            "versions",
            metavar="VERSION",
            nargs="*",
            help="of start: GOOD BAD; of an answer: another than is asked about",
        )
        parser.add_argument("--note", default="", help="kept with an answer")
        parser.add_argument("--search", default="", metavar="ID", help="an earlier search; default: the latest")
        parser.add_argument("--as", dest="user", metavar="USER", help="who says so; default: this terminal")

    def run(self, **options: Any) -> ExitCode:
        user = find_user(options["user"]) if options["user"] else None
        config = addresses.find_config(user, (options["tenant"], options["address"]))
        words = options["versions"]
        if options["step"] == "start":
            if len(words) != 2:
                raise WrongUse("Write start GOOD BAD: a version that worked and a later one that does not.")
            good, bad = (addresses.find_seen(config, word) for word in words)
            started = actions.start_bisection(config, good, bad, acting_user=user)
            return self._show(bisections.search(started))
        bisection = _search_of(config, options["search"])
        now = bisections.search(bisection)
        if options["step"] == "status":
            return self._show(now)
        if len(words) > 1:
            raise WrongUse("Answer for one version at a time. Nothing was kept.")
        snapshot = addresses.find_seen(config, words[0]) if words else now.ask
        if snapshot is None:
            raise WrongUse("This search has ended. Nothing was kept; name a version to judge it all the same.")
        said = Said(options["step"])
        return self._show(actions.answer_bisection(bisection, snapshot, said, note=options["note"], acting_user=user))

    def _show(self, search: "Search") -> ExitCode:
        if self.as_json:
            self.print_json(_as_json(search))
            return ExitCode.DONE
        if search.first_bad is not None:
            self.tell(f"v{search.first_bad.version} is the first bad version, {_by(search.first_bad)}.")
            self._show_changes(search, search.first_bad)
        elif search.ask is not None:
            self.tell(
                f"{search.in_question} versions are in question, at most {search.standing.left} more questions. "
                f"Is v{search.ask.version} good or bad? It is {_by(search.ask)}."
            )
            self._show_changes(search, search.ask)
        else:
            suspects = ", ".join(f"v{one.version}" for one in search.suspects)
            self.tell(f"The first bad version is one of {suspects}; those between were skipped.")
        return ExitCode.DONE

    def _show_changes(self, search: "Search", snapshot: "Snapshot") -> None:
        before = search.before(snapshot)
        [summary] = comparing.summaries([(before, snapshot, search.bisection.config.resource_type)])
        if summary is None:
            return
        self.tell(f"Against v{before.version}: {summary.count} changes")
        for change in summary.first:
            self.tell(
                visible(f"  {change.sign} {change.where}  {change.before} → {change.after} {change.note}".rstrip())
            )
        if summary.more:
            self.tell(f"  and {summary.more} more")


def _by(snapshot: "Snapshot") -> str:
    who = visible(snapshot.author_name or snapshot.author_id or "somebody whom the platform does not name")
    at = snapshot.written_at or snapshot.captured_at
    return f"written by {who} on {at:%Y-%m-%d at %H:%M} UTC"


def _search_of(config: "TrackedConfig", word: str) -> "Bisection":
    kept = list(config.bisections.select_related("good", "bad", "config__tenant"))
    found = [one for one in kept if str(one.pk).startswith(word.lower())]
    if not kept:
        raise WrongUse(f"No search was started for {config.address}. Write start GOOD BAD.")
    if not found or (word and len(found) > 1):
        raise WrongUse(f"{word!r} is the id of no search, or of several, of {config.address}. Nothing was done.")
    return found[0]


def _as_json(search: "Search") -> "dict[str, Value]":
    found = search.first_bad
    return {
        "id": str(search.bisection.pk),
        "good": search.bisection.good.version,
        "bad": search.bisection.bad.version,
        "last_good": search.last_good.version,
        "first_known_bad": search.next_bad.version,
        "ask": None if search.ask is None else search.ask.version,
        "left": search.standing.left,
        "first_bad": None if found is None else found.version,
        "author": None if found is None else found.author_name or found.author_id or None,
        "suspects": [one.version for one in search.suspects],
        "answers": [
            {
                "version": one.snapshot.version,
                "answer": one.answer,
                "by": one.answerer,
                "at": one.answered_at.isoformat(),
                "note": one.note,
            }
            for one in search.answers
        ],
    }
