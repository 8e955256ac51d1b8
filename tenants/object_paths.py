"""Where an object of a type is found: its id, checked, in the type's paths."""

from urllib.parse import quote

from tenants.resource_types.definition import PARENT_AND_ID, SINGLETON_ID, ResourceType


class InvalidObjectId(ValueError):
    """The text cannot be the id of an object; the message is a sentence."""


def object_path(rtype: ResourceType, object_id: str) -> str:
    """Give the path of an object; raises InvalidObjectId for an id that would change the path's shape."""
    return filled(rtype.object_path, rtype, object_id)


def filled(template: str, rtype: ResourceType, object_id: str) -> str:
    """Fill in `{parent}` and `{id}`; `{version}` stays. Raises InvalidObjectId."""
    parent, own = split_id(rtype, object_id)
    return template.replace("{parent}", quote(parent, safe="")).replace("{id}", quote(own, safe=""))


def split_id(rtype: ResourceType, object_id: str) -> tuple[str, str]:
    """Give the parent's id, empty where there is none, and the object's own; raises InvalidObjectId."""
    if rtype.is_singleton:
        if object_id != SINGLETON_ID:
            raise InvalidObjectId(
                f"There is exactly one {rtype.title} in an organization, addressed as {rtype.name}:{SINGLETON_ID}, not "
                f"as {object_id[:60]!r}. Nothing was tracked."
            )
        return "", object_id
    if not rtype.in_parent:
        return "", checked_object_id(object_id)
    parent, mark, own = object_id.partition(PARENT_AND_ID)
    if not (parent and mark and own) or PARENT_AND_ID in own:
        raise InvalidObjectId(
            f"{object_id[:60]!r} does not address a {rtype.title}: its path needs the id of the object that it is in, "
            f"too. Write both with {PARENT_AND_ID} between, for example parent-1{PARENT_AND_ID}object-2. Nothing was "
            f"tracked."
        )
    return checked_object_id(parent), checked_object_id(own)


def checked_object_id(object_id: str) -> str:
    """Give the id back when it can be one segment of a path; else raise InvalidObjectId."""
    if (
        not object_id
        or len(object_id) > 200
        or object_id in {".", ".."}
        or any(ord(letter) <= 32 or ord(letter) == 127 or letter in "/\\?#" for letter in object_id)
    ):
        raise InvalidObjectId(
            f"{object_id[:60]!r} cannot be the id of an object: an id has 1 to 200 characters without spaces, slashes, "
            f"? and #. Nothing was tracked."
        )
    return object_id
