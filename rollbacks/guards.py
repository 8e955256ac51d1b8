"""Everything that must hold before a byte is sent; all of it checked, all of it reported at once.

A guard takes values, looks at nothing and answers with a sentence. *pending* is not a refusal: it is what a person
still has to do (an approval).
"""

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


class Standing(StrEnum):
    """How a guard stands."""

    HOLDS = "holds"
    REFUSES = "refuses"
    WARNS = "warns"
    """Nothing stands in the way that anybody knows of, and something could not be told."""
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Check:
    """One guard and how it stands, in a sentence that says what to do next where it refuses."""

    guard: str
    title: str
    standing: Standing
    message: str
    for_now: bool = False
    """Whether it refuses only as things stand this minute, so that a run that is queued tries again by itself."""

    @property
    def refuses(self) -> bool:
        """Whether nothing may be sent because of it."""
        return self.standing is Standing.REFUSES

    @property
    def holds(self) -> bool:
        """Whether nothing more has to come about."""
        return self.standing is Standing.HOLDS

    def to_json(self) -> dict[str, str]:
        """Give the shape of CONTRACT.md's `refusals`."""
        return {"guard": self.guard, "message": self.message}


TITLES: dict[str, str] = {
    "durability": "The database keeps what it has acknowledged",
    "tenant": "The tenant accepts rollbacks",
    "freeze": "No freeze window is in the way",
    "identity": "The OAuth client belongs to the tenant's organization",
    "permissions": "The OAuth client may read and write this type",
    "routing": "Whether routing follows can be seen",
    "live_unchanged": "Live is what you looked at",
    "target_readable": "The stored bytes of the target are whole",
    "target_digest": "The target's content has the digest that was recorded",
    "label": "The target is not labelled bad",
    "type": "The console can take this type back",
    "restorable": "All that differs can be written",
    "references": "What it refers to is still there",
    "schema": "Only fields that the type knows",
    "version": "The version number follows from live",
    "guard_level": "The write is guarded as it was approved",
    "probe": "The guard of this object can be probed",
    "steps": "Every step is known beforehand",
    "losses": "No work of anybody is lost",
    "overlap": "Later work overlaps nowhere",
    "no_op": "There is something to change",
    "in_flight": "No other write to this object is under way",
    "approvals": "Enough people have approved",
}


def _holds(guard: str, message: str) -> Check:
    return Check(guard, TITLES[guard], Standing.HOLDS, message)


def _refuses(guard: str, message: str) -> Check:
    return Check(guard, TITLES[guard], Standing.REFUSES, message)


def check_durability(why_not: str) -> Check:
    """Refuse on a database that may lose what it has acknowledged; `why_not` names its settings and what to do."""
    if why_not:
        return _refuses("durability", f"{why_not} Nothing was sent: a write must be on record before it is.")
    return _holds("durability", "What is committed survives a crash.")


def check_tenant(*, frozen: bool, reason: str, name: str) -> Check:
    """Refuse while the tenant is frozen."""
    if frozen:
        why = f": {reason}" if reason else ""
        return _refuses("tenant", f"{name} is frozen{why}. Nothing was sent. Lift the freeze, then plan again.")
    return _holds("tenant", f"{name} is not frozen.")


def check_freeze(closed: str, *, ahead: str = "", overridden: str = "", later: bool = False) -> Check:
    """Refuse while freeze windows say no, unless somebody who may has overridden them for this very plan.

    `closed` is a sentence that says until when and why, empty while it is open; `ahead` then says when that ends. Who
    asks for `later` knows, and the plan waits.
    """
    if not closed:
        return _holds("freeze", ahead or "No freeze window is on.")
    title = TITLES["freeze"]
    if overridden:
        return Check("freeze", title, Standing.WARNS, f"{closed} {overridden}")
    if later:
        message = f"{closed} Nothing is sent before that, unless an incident commander overrides it."
        return Check("freeze", title, Standing.PENDING, message)
    return _refuses(
        "freeze",
        f"{closed} Nothing was sent. Wait until then (an approved rollback can be scheduled for as soon as it is "
        "open), or have an incident commander override the freeze.",
    )


def check_identity(problem: str | None, *, organization: str) -> Check:
    """Refuse when the OAuth client was shown to belong to somebody else, or could not be asked."""
    if problem is not None:
        return _refuses("identity", problem)
    return _holds("identity", f"The platform names organization {organization}.")


def check_permissions(
    *,
    needed: Collection[str],
    missing: Collection[str],
    problem: str | None,
    remedies: Collection[str] = ("Add the permission to a role of the client on the platform.",),
    uncovered: Collection[str] = (),
    division: str = "",
) -> Check:
    """Refuse when a permission is missing, in the object's division too, or when nobody could learn what is granted.

    `uncovered` are whole sentences about divisions that the client's roles do not reach, `remedies` say which role has
    to change, `division` is where the object is.
    """
    if problem is not None:
        return _refuses("permissions", problem)
    if missing:
        return _refuses(
            "permissions",
            f"The OAuth client lacks {' and '.join(sorted(missing))}. Nothing was sent. {' '.join(remedies)} Then plan "
            "again.",
        )
    if uncovered:
        return _refuses("permissions", f"{' '.join(uncovered)} Nothing was sent. {' '.join(remedies)} Then plan again.")
    where = f", also in the object's division {division}" if division else ""
    return _holds("permissions", f"It has {', '.join(sorted(needed))}{where}.")


def note_routing(*, missing: Collection[str], minutes: int) -> Check:
    """Say whether the write can be watched beyond its read-back; what is missing for that refuses nothing."""
    if missing:
        return Check(
            "routing",
            TITLES["routing"],
            Standing.WARNS,
            f"The OAuth client lacks {' and '.join(sorted(missing))}, so nobody will see here whether routing uses the "
            "new version. The rollback itself does not need it.",
        )
    return _holds("routing", f"After the write, routing is watched for the new version for up to {minutes} minutes.")


def warn_of_losses(losses: Collection[str]) -> Check:
    """Warn of what the steps would destroy for good; a person may want just that, so it refuses nothing."""
    if losses:
        return Check("losses", TITLES["losses"], Standing.WARNS, " ".join(losses))
    return _holds("losses", "The draft holds nothing that was never published.")


def check_live_unchanged(*, seen: str, now: str, moved: str) -> Check:
    """Refuse when live is no longer what the person or the approver looked at; `moved` says who moved it, and what."""
    if seen != now:
        return _refuses(
            "live_unchanged",
            f"Live has moved since this was planned: {moved} Nothing was sent. "
            "Look at the new live state and plan again.",
        )
    return _holds("live_unchanged", "Live is exactly the state that this plan was made on.")


def check_target_readable(problem: str | None, *, size: int) -> Check:
    """Refuse when the stored bytes are damaged or are no configuration."""
    if problem is not None:
        return _refuses("target_readable", f"{problem} Nothing was sent. Choose another version.")
    return _holds("target_readable", f"{size:,} bytes, unchanged since they were captured.")


def check_target_digest(*, recorded: str, computed: str | None) -> Check:
    """Refuse when the content no longer has the digest that was recorded with the snapshot."""
    if computed is None:
        return _refuses("target_digest", "The digest could not be computed. Nothing was sent. Choose another version.")
    if recorded != computed:
        return _refuses(
            "target_digest",
            f"The content has digest {computed[:12]}…, but {recorded[:12]}… was recorded. Nothing was sent. "
            "Choose another version, and have the database checked.",
        )
    return _holds("target_digest", f"sha256 {computed[:12]}…")


def check_label(against: Sequence[str], *, good: str, despite: str, version: int) -> Check:
    """Refuse what is labelled bad, unless a person confirmed it with a reason; that warns, and the plan signs it.

    `against` are whole sentences, one for each label; `good` says who labelled the target known good.
    """
    if not against:
        return _holds("label", f"v{version} is {good}." if good else f"Nobody has labelled v{version} bad.")
    if despite:
        message = f"{' '.join(against)} Confirmed all the same: “{despite}”."
        return Check("label", TITLES["label"], Standing.WARNS, message)
    return _refuses(
        "label",
        f"{' '.join(against)} Nothing was sent. Choose another version, or confirm this one with a reason "
        "(--despite-label REASON in the terminal).",
    )


_EXPLAINED = {
    "versionRevert": "there is no revert flag: a rollback is a normal next version",
    "trafficShift": "did you mean trafficPercent, which is taken from live?",
}


def check_schema(
    *,
    unknown_in_target: Collection[str],
    unknown_in_live: Collection[str],
    missing: Collection[str],
    known: Collection[str],
) -> Check:
    """Refuse root keys that the type does not know, by name and with the known key that is nearest."""
    problems = [f"the target has the unknown field {_suggest(key, known)}" for key in sorted(unknown_in_target)]
    problems += [
        f"live has the unknown field {_suggest(key, known)}, which a write would reset"
        for key in sorted(unknown_in_live)
    ]
    problems += [f"the target lacks the required field {key}" for key in sorted(missing)]
    if problems:
        listed = "; ".join(problems)
        return _refuses(
            "schema",
            f"{listed[0].upper()}{listed[1:]}. Nothing was sent: the platform drops or refuses such "
            "fields, so the result would not be what you see here.",
        )
    return _holds("schema", "Every field of the body is one that the type declares.")


def refuse_altered_plan() -> Check:
    """Refuse a stored plan that is no longer the one that was approved."""
    return _refuses(
        "target_readable",
        "The stored plan is no longer the one that was approved: its digest is another. Nothing was sent. "
        "Have the database checked, and plan again.",
    )


def refuse_other_rules() -> Check:
    """Refuse a plan that was made, and approved, under other rules of its type."""
    return _refuses(
        "type",
        "The rules of this type are others than those that the plan was approved under. Nothing was sent. Plan again.",
    )


def refuse_schema(problem: str) -> Check:
    """Refuse a body that cannot be composed at all."""
    return _refuses("schema", f"{problem} Nothing was sent. Restore the whole version instead, or choose other values.")


def _suggest(key: str, known: Collection[str]) -> str:
    if key in _EXPLAINED:
        return f"{key} ({_EXPLAINED[key]})"
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    return f"{key} (did you mean {near[0]}?)" if near else key


def check_type(why_read_only: str, *, procedure: str = "") -> Check:
    """Refuse a type that nobody may write, or whose way back the console cannot go.

    `procedure` says what it takes where a plain write of the object is not all.
    """
    if why_read_only:
        return _refuses("type", f"{why_read_only} Nothing was sent. Its versions can be compared and downloaded here.")
    return _holds("type", f"Taking it back {procedure}." if procedure else "A plain write takes it back.")


def check_restorable(
    *,
    immutable: Collection[str],
    secret: Collection[str],
    reset: Collection[str],
    left: Collection[str],
    caveat: str,
) -> Check:
    """Refuse where the write would not leave what the plan shows; `caveat` says what no write of the type covers."""
    problems = [
        f"{name} differs between live and the target, and the platform never changes it by this write"
        for name in immutable
    ]
    problems += [
        f"{name} holds a secret that the platform does not show, so what was captured is not what stands"
        for name in secret
    ]
    problems += [f"live has {name}, which this write would take away" for name in reset]
    problems += [
        f"live has {name}, the target does not, and a PATCH leaves alone what it does not name" for name in left
    ]
    if problems:
        listed = "; ".join(problems)
        return _refuses(
            "restorable",
            f"{listed}. Nothing was sent. Restore other values one by one, or change this on the platform itself.",
        )
    return _holds("restorable", caveat or "Nothing of it is kept where a write does not reach.")


def check_guard_level(*, planned: str, now: str, why: str) -> Check:
    """Refuse when a write would no longer be guarded as it was approved; `why` is what probes have shown."""
    if planned != now:
        return _refuses(
            "guard_level",
            f"This plan was made at guard level {planned}, and the level is {now} now. {why} Nothing was sent, and its "
            "approvals are void. Plan again, so that somebody approves it as it would be written.",
        )
    return _holds("guard_level", f"Level {now}, as it was when the plan was made.")


def check_probe(why_not: str) -> Check:
    """Refuse to probe a guard where that could show nothing, or could change more than the version."""
    if why_not:
        return _refuses("probe", f"{why_not} Nothing was sent.")
    return _holds("probe", "A write of the live content under a stale guard shows whether it is checked.")


def check_references(
    *, missing: Collection[str], untold: Collection[tuple[str, str]], beyond: int, there: int
) -> Check:
    """Refuse where the target refers to what is not there any more, and warn where that could not be told.

    `missing` and `untold` name the objects for a sentence, the latter with the reason; `beyond` more were not asked
    for, `there` were found.
    """
    title = TITLES["references"]
    if missing:
        return _refuses(
            "references",
            f"The target refers to {_and(missing)}, which the platform does not show: deleted, or in a division that "
            "the OAuth client has no role in. Nothing was sent: the platform refuses such a write. Make it again on "
            "the platform and choose it there, give the client a role in its division, or restore other values one "
            "by one.",
        )
    if untold or beyond:
        by_reason: dict[str, list[str]] = {}
        for name, reason in untold:
            by_reason.setdefault(reason.rstrip("."), []).append(name)
        parts = [f"{_and(names)}: {reason}" for reason, names in by_reason.items()]
        listed = "; ".join([*parts, *([f"{beyond} more were not looked up"] if beyond else [])])
        return Check(
            "references",
            title,
            Standing.WARNS,
            f"Whether everything that the target refers to is still there could not be told: {listed}. The platform "
            "refuses the write where something is gone; nothing is changed then.",
        )
    if there:
        number = "One object" if there == 1 else f"{there} objects"
        return _holds("references", f"{number} that live does not refer to: looked up, and there.")
    return _holds("references", "It refers to nothing that live does not refer to.")


def _and(names: Collection[str]) -> str:
    listed = list(names)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"


def check_version(*, rule: str, base: int | None, sent: int | None, expected: int | None) -> Check:
    """Refuse when the number to send does not follow from live by the type's own rule (PLATFORM.md)."""
    if rule == "none":
        return _holds("version", "This type has no version; live is compared right before the write instead.")
    if base is None:
        return _refuses("version", "Live shows no version number, so no next one follows. Nothing was sent.")
    if rule == "assigned" and sent is None and expected == base + 1:
        return _holds("version", f"Live is {base}; the platform numbers what it makes, so the next is {expected}.")
    right = base + 1 if rule == "increment" else base
    if sent != right or expected != base + 1:
        return _refuses(
            "version", f"The body carries version {sent}, but live is {base} and {right} is due. Nothing was sent."
        )
    if rule == "increment":
        return _holds("version", f"Live is {base}, the body carries {sent}.")
    return _holds("version", f"Live is {base}, the body repeats it, and the server makes it {expected}.")


def check_steps(problems: Collection[str], *, titles: Sequence[str]) -> Check:
    """Refuse a plan of several steps that cannot be made; where it can, say how many and what they are."""
    if problems:
        return _refuses("steps", f"{' '.join(problems)} Nothing was sent. Look at the object on the platform itself.")
    if len(titles) == 1:
        return _holds("steps", f"There is one: {titles[0][0].lower()}{titles[0][1:]}.")
    return _holds("steps", f"There are {len(titles)}; each is begun only when the one before it stands.")


def check_overlap(sentences: Sequence[str]) -> Check:
    """Refuse where what is taken back and later work touched one place differently."""
    if sentences:
        more = f" And {len(sentences) - 5} more." if len(sentences) > 5 else ""
        return _refuses(
            "overlap",
            f"{' '.join(sentences[:5])}{more} Nothing was sent, and nothing was guessed. Leave such a place as it is "
            "on live (--keep in the terminal), or go back to a whole version and keep what is good.",
        )
    return _holds("overlap", "Nothing that was changed later is in the way.")


def check_no_op(
    *, live: str, target: str, version: int, chosen: int = 0, kept: int = 0, undone: int | None = None
) -> Check:
    """Refuse when live already has the target's content, or its `chosen` values where only those are to be restored.

    `kept` places stay as they are on live; `undone` is the version whose change alone is taken back.
    """
    if live == target and undone is not None:
        left = " that you chose to take back" if chosen or kept else ""
        return _refuses("no_op", f"Live has nothing left of what v{undone} changed{left}. Nothing was sent.")
    if live == target and kept and not chosen:
        return _refuses(
            "no_op",
            f"All that differs from version {version} is kept as it is on live, so nothing would change. Nothing was "
            "sent; keep less of it.",
        )
    if live == target:
        same = f"the content of version {version}"
        if chosen:
            same = f"{'this value' if chosen == 1 else 'these values'} of version {version}; the rest was not compared"
        return _refuses("no_op", f"Live already has {same}. Nothing was sent; there is nothing to do.")
    return _holds("no_op", "Live and target differ.")


def check_in_flight(other: str | None) -> Check:
    """Refuse while another attempt on the object is open."""
    if other is not None:
        return _refuses("in_flight", f"{other} Nothing was sent. Wait for its end, then plan again.")
    return _holds("in_flight", "No attempt on this object is open.")


def wait_turn(sentence: str) -> Check:
    """Refuse for now, while others are at the object or were asked to run before."""
    message = f"{sentence} This one waits for its turn, and is judged on a fresh look at live then; nothing was sent."
    return Check("in_flight", TITLES["in_flight"], Standing.REFUSES, message, for_now=True)


def only_for_now(check: Check) -> Check:
    """Give a check that refuses, as one that does so only as things stand this minute."""
    return replace(check, for_now=True)


def check_approvals(*, needed: int, given: int, rejected_by: str | None = None) -> Check:
    """Stand pending until enough other people have approved exactly this plan."""
    if rejected_by is not None:
        return _refuses("approvals", f"{rejected_by} rejected this plan. Nothing was sent.")
    if given >= needed:
        message = "No approval is needed here." if needed == 0 else f"{given} of {needed} given."
        return _holds("approvals", message)
    return Check(
        "approvals", TITLES["approvals"], Standing.PENDING, f"{given} of {needed} given; a colleague must approve."
    )


def check_glass(why_not: str, sentence: str) -> Check:
    """Hold for a run under an open glass, with the sentence that says who broke it; refuse where it is not open."""
    if why_not:
        return _refuses(
            "approvals", f"{why_not} Nothing was sent. Have it approved, or have the glass broken for it again."
        )
    return _holds("approvals", sentence)


def refuse_after_glass(why: str) -> Check:
    """Refuse a step that was not begun before the glass was closed."""
    return _refuses("approvals", f"{why} Nothing more was sent. Plan what is left again, and have it approved.")


def approved_with(rollback: str, *, minutes: int | None) -> Check:
    """Hold for the undo that an earlier approval covers, because the option was part of what it signed."""
    return _holds(
        "approvals",
        f"Approved with rollback {rollback[:8]}, whose plan says that it is undone unless somebody keeps it within "
        f"{minutes} minutes.",
    )
