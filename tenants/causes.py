"""Why something cannot be read, in kinds that a person can act on; each says what to do about it.

The sentence of an error tells one case. A report of a hundred of them is read by kind: who has to do what.
"""

from enum import StrEnum
from typing import Final

from tenants.remote.errors import (
    CredentialsRefused,
    CyclicList,
    NotJson,
    ObjectMissing,
    PermissionMissing,
    RemoteError,
    RemoteUnknown,
    TokenUnusable,
    TooLarge,
)


class Cause(StrEnum):
    """What stands in the way of reading a list or an object."""

    PERMISSION = "permission"
    MISSING = "missing"
    GONE = "gone"
    NOT_JSON = "not_json"
    UNUSABLE = "unusable"
    TOO_LARGE = "too_large"
    ENDLESS = "endless"
    REFUSED = "refused"
    CREDENTIALS = "credentials"
    SILENCE = "silence"
    UNLISTED = "unlisted"
    ALIAS = "alias"
    OTHER = "other"

    @property
    def heading(self) -> str:
        """What is the matter, as a heading."""
        return _WORDS[self][0]

    @property
    def advice(self) -> str:
        """What to do about it, in whole sentences."""
        return _WORDS[self][1]


_WORDS: Final[dict[Cause, tuple[str, str]]] = {
    Cause.PERMISSION: (
        "The OAuth client may not read them (403)",
        "Add the permission to a role of the OAuth client, in the divisions of these objects, and run this again.",
    ),
    Cause.MISSING: (
        "The platform says that they are not there (404)",
        (
            "They were deleted, the organization does not have that product, or they lie in a division that the OAuth "
            "client does not see. Look for them on the platform; where they are there, grant their division."
        ),
    ),
    Cause.GONE: (
        "They were deleted on the platform (410)",
        "Nothing can be read of them any more; versions that were kept stay kept.",
    ),
    Cause.NOT_JSON: (
        "The answer was not JSON",
        (
            "A gateway or a sign-in page answered in the platform's place. Run this again later; where it stays so, "
            "give the correlation ids to the platform's support."
        ),
    ),
    Cause.UNUSABLE: (
        "The content cannot be kept as a configuration",
        (
            "The answer breaks the rules for bytes or shows another object than the one asked for; each line says how. "
            "Nothing was guessed and nothing kept; tell the platform's support."
        ),
    ),
    Cause.TOO_LARGE: (
        "The answer is longer than the console reads",
        "It was not read to its end and nothing of it was kept. Ask why the object is so large.",
    ),
    Cause.ENDLESS: (
        "The list leads in a circle or never ends",
        "What it showed until then was taken. Tell the platform's support, and name the missing ids by hand.",
    ),
    Cause.REFUSED: (
        "The platform refused the request",
        "Each line holds its words. Where they name a product or a licence, the organization does not have it.",
    ),
    Cause.CREDENTIALS: (
        "The OAuth client or its token was not accepted",
        "Check that the client is active and that its secret is right, then run this again.",
    ),
    Cause.SILENCE: (
        "The platform gave no usable answer",
        "Nothing is known about them yet. Run this again: what was read is not read twice.",
    ),
    Cause.UNLISTED: (
        "The platform has no list of them",
        "Name their ids: manage.py track SLUG TYPE OBJECT_ID …",
    ),
    Cause.ALIAS: (
        "Only another address of objects that are taken under their own",
        "Nothing is missing. Name the type with --types to track them under this address as well.",
    ),
    Cause.OTHER: (
        "They could not be read for another reason",
        "Each line says why.",
    ),
}


def cause_of(error: Exception) -> Cause:
    """Give the kind of an error that stood in the way of a read; content that cannot be kept is UNUSABLE."""
    if not isinstance(error, RemoteError):
        return Cause.UNUSABLE
    for kind, cause in (
        (PermissionMissing, Cause.PERMISSION),
        (CredentialsRefused, Cause.CREDENTIALS),
        (TokenUnusable, Cause.CREDENTIALS),
        (NotJson, Cause.NOT_JSON),
        (TooLarge, Cause.TOO_LARGE),
        (CyclicList, Cause.ENDLESS),
        (RemoteUnknown, Cause.SILENCE),
    ):
        if isinstance(error, kind):
            return cause
    if error.status == 410:
        return Cause.GONE
    if isinstance(error, ObjectMissing):
        return Cause.MISSING
    return Cause.REFUSED if error.status is not None else Cause.OTHER
