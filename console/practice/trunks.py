"""Telephony beside the sites: edge groups, trunks, phones and pools of numbers; all echo."""

from typing import Any

from console.practice.declared import ELSEWHERE, Declared, declare

_ALL = "telephony:plugin:all"
_STAMPS = "dateCreated dateModified modifiedBy createdBy state modifiedByApp createdByApp"


def _telephony(family: str, label: str, path: str, **more: Any) -> type[Declared]:
    return declare(
        family,
        label,
        "Telephony",
        f"/api/v2/telephony/providers/edges/{path}",
        f"{_ALL} / {_ALL}",
        stamps=_STAMPS,
        mismatch=ELSEWHERE,
        **more,
    )


EdgeGroups = _telephony(
    "edgegroup",
    "EdgeGroup",
    "edgegroups",
    writable="name division description edgeTrunkBaseAssignment phoneTrunkBases",
    resets={"managed": False, "hybrid": False},
    required="name edgeTrunkBaseAssignment phoneTrunkBases",
)
TrunkBases = _telephony(
    "trunkbase",
    "TrunkBase",
    "trunkbasesettings",
    writable="name division description trunkMetabase properties trunkType site inboundSite",
    resets={"managed": False},
    required="name trunkMetabase trunkType",
)
PhoneBases = _telephony(
    "phonebase",
    "PhoneBase",
    "phonebasesettings",
    writable="name division description phoneMetaBase lines properties capabilities",
    required="name phoneMetaBase lines",
)
DidPools = _telephony(
    "didpool",
    "DIDPool",
    "didpools",
    writable="name division description startPhoneNumber endPhoneNumber comments provider",
    required="name startPhoneNumber endPhoneNumber",
)
TRUNKS: tuple[type[Declared], ...] = (EdgeGroups, TrunkBases, PhoneBases, DidPools)
