"""What people type to name things: `TENANT`, `TENANT TYPE:OBJECT_ID`, and a version of it.

A version is a number (`12`, `v12`), a number with the beginning of its digest (`12@3fa9c1`) where one number was seen
with two contents, `baseline`, or a label (`known-good`, `bad`): the newest version that bears it. `live` means the
platform now and is read by whoever asks for it.
"""

import difflib
import re
from typing import TYPE_CHECKING

from tenants import access, labelling
from tenants.models import Snapshot, Tenant, TrackedConfig
from tenants.resource_types import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from django.contrib.auth.models import AbstractBaseUser

    from tenants.chronicle import Label
    from tenants.resource_types.definition import ResourceType

LIVE = "live"
BASELINE = "baseline"

_VERSION = re.compile(r"v?(?P<number>-?[0-9]{1,18})(?:@(?P<digest>[0-9a-f]{4,64}))?")


class NotFound(Exception):
    """Nothing here bears the name that was given; the message is a sentence for people."""


def find_tenant(user: "AbstractBaseUser | None", slug: str) -> Tenant:
    """Give the tenant with this short name among those the user may see; None sees all. Raises NotFound."""
    tenants = Tenant.objects.all() if user is None else access.tenants_of(user)
    tenant = tenants.filter(slug=slug).first()
    if tenant is None:
        known = tenants.order_by("slug").values_list("slug", flat=True)
        raise NotFound(f"There is no tenant {slug!r}. {_suggest(slug, known, 'tenants')}")
    return tenant


def parse_address(word: str) -> "tuple[ResourceType, str]":
    """Split `TYPE:OBJECT_ID`; raises NotFound for another shape and UnknownType for a type nobody declared."""
    type_name, colon, object_id = word.partition(":")
    if not (type_name and colon and object_id):
        raise NotFound(
            f"{word!r} is not an object's address. Write TYPE:OBJECT_ID, for example agentassist.config:cfg-1."
        )
    return catalogue.get(type_name), object_id


def find_config(user: "AbstractBaseUser | None", words: "str | Sequence[str]") -> TrackedConfig:
    """Give the tracked config that `TENANT TYPE:OBJECT_ID` names, as one string or as words.

    Only tenants that the user may see are looked at; None stands for a terminal, which sees all. Raises NotFound or
    UnknownType, whose messages are sentences that list near names.
    """
    parts = words.split() if isinstance(words, str) else [part for word in words for part in word.split()]
    if len(parts) != 2:
        raise NotFound(
            f"{' '.join(parts)!r} does not name a tracked config. Write TENANT TYPE:OBJECT_ID, for example "
            f"northwind agentassist.config:cfg-1."
        )
    tenant = find_tenant(user, parts[0])
    rtype, object_id = parse_address(parts[1])
    configs = TrackedConfig.objects.filter(tenant=tenant).select_related("tenant", "live", "baseline")
    config = configs.filter(resource_type=rtype.name, object_id=object_id).first()
    if config is None:
        known = configs.filter(resource_type=rtype.name).values_list("object_id", flat=True)
        raise NotFound(
            f"{parts[1]} is not tracked in {tenant.slug}. {_suggest(object_id, known, f'tracked {rtype.name} there')} "
            f"To start keeping its history: manage.py track {tenant.slug} {rtype.name} {object_id}"
        )
    return config


def find_snapshot(config: TrackedConfig, word: str) -> Snapshot:
    """Give the snapshot that a version or a label names.

    One number seen more than once with one content gives the sighting that has an ETag, the latest first; with several
    contents it is ambiguous and NotFound says how to name each. `live` is refused here: it is no kept version.
    """
    if word == BASELINE:
        if config.baseline is None:
            raise NotFound(f"{config.address} has no baseline yet: it was not looked at. Run manage.py capture first.")
        return config.baseline
    if word in labelling.NAMES:
        return _labelled(config, word)
    match = _VERSION.fullmatch(word)
    if match is None:
        if word == LIVE:
            raise NotFound(
                "live is the object as it is now, not a kept version. Write a number such as 12, or baseline."
            )
        raise NotFound(
            f"{word!r} is no version. Write a number such as 12, or one of the labels baseline, known-good, bad and "
            f"live."
        )
    seen = list(
        config.snapshots.filter(version=int(match["number"]), digest__startswith=match["digest"] or "").order_by(
            "-captured_at", "-pk"
        )
    )
    if not seen:
        raise NotFound(f"v{word.removeprefix('v')} of {config.address} is not kept here. {_kept(config)}")
    contents = sorted({snapshot.digest for snapshot in seen})
    if len(contents) > 1:
        named = " and ".join(f"{match['number']}@{digest[:8]}" for digest in contents)
        raise NotFound(f"v{match['number']} of {config.address} was seen with several contents. Say which: {named}.")
    return next((snapshot for snapshot in seen if snapshot.etag is not None), seen[0])


def find_seen(config: TrackedConfig, word: str) -> Snapshot:
    """Give the snapshot that a word names, where `live` is what was last seen live; raises NotFound."""
    if word != LIVE:
        return find_snapshot(config, word)
    if config.live is None:
        raise NotFound(f"{config.address} has not been seen yet. Nothing was done.")
    return config.live


def _labelled(config: TrackedConfig, word: str) -> Snapshot:
    found = labelling.newest(config, labelling.NAMES[word])
    if found is None:
        said = labelling.NAMES[word].label
        raise NotFound(
            f"No version of {config.address} is labelled {said}. Label one: manage.py label {config.tenant.slug} "
            f"{config.address} VERSION {labelling.NAMES[word].value} --reason TEXT"
        )
    return found


def labels_of(config: TrackedConfig, snapshot: Snapshot, labels: "Mapping[int, Label]") -> list[str]:
    """Give the words that point at the snapshot; `labels` are those of the config (`labelling.of_config`)."""
    label = labels.get(snapshot.pk)
    said = [] if label is None else [{"good": "known-good"}.get(label.word, label.word)]
    return [*([BASELINE] if config.baseline_id == snapshot.pk else []), *said]


def _kept(config: TrackedConfig) -> str:
    versions = sorted(set(config.snapshots.values_list("version", flat=True)))
    if not versions:
        return "Nothing of it is kept yet; run manage.py capture first."
    if len(versions) <= 12:
        return f"Kept are {', '.join(f'v{version}' for version in versions)}."
    return f"Kept are {len(versions)} versions from v{versions[0]} to v{versions[-1]}."


def _suggest(word: str, known: "Iterable[str]", what: str) -> str:
    names = list(known)
    if not names:
        return f"There are no {what} yet."
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    shown = ", ".join(names[:8])
    return f"The {what}: {shown}{f' and {len(names) - 8} more' if len(names) > 8 else ''}."
