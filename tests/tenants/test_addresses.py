"""Names as people type them, seen by people who may not see everything."""

import pytest

from tenants import addresses
from tenants.addresses import NotFound
from tenants.resource_types.catalogue import UnknownType
from tests.world import World

ADDRESS = "agentassist.config:cfg-1"


def test_a_config_is_found_by_words_or_by_one_string(world: World) -> None:
    for words in (f"northwind {ADDRESS}", ["northwind", ADDRESS], [f"northwind {ADDRESS}"]):
        assert addresses.find_config(None, words) == world.config
        assert addresses.find_config(world.carol, words) == world.config


def test_what_a_user_may_not_see_does_not_exist_for_them(world: World) -> None:
    with pytest.raises(NotFound) as hidden:
        addresses.find_tenant(world.alice, "tailspin")
    with pytest.raises(NotFound) as absent:
        addresses.find_tenant(world.alice, "nowhere1")

    assert str(hidden.value).replace("tailspin", "X") == str(absent.value).replace("nowhere1", "X")
    assert "northwind" in str(hidden.value)
    assert addresses.find_tenant(None, "tailspin") == world.tailspin


def test_what_is_no_address_is_refused_with_a_sentence_that_helps(world: World) -> None:
    for words, sentence in (
        ("", "Write TENANT TYPE:OBJECT_ID"),
        ("northwind", "Write TENANT TYPE:OBJECT_ID"),
        (f"northwind {ADDRESS} more", "Write TENANT TYPE:OBJECT_ID"),
        ("northwind :", "Write TYPE:OBJECT_ID"),
        ("northwind agentassist.config:cfg-12", "Did you mean cfg-1?"),
    ):
        with pytest.raises(NotFound) as refused:
            addresses.find_config(None, words)
        assert sentence in str(refused.value)
    with pytest.raises(UnknownType, match=r"Did you mean 'agentassist\.config'"):
        addresses.find_config(None, f"northwind x{ADDRESS}")


def test_an_object_id_may_contain_colons(world: World) -> None:
    rtype, object_id = addresses.parse_address("agentassist.config:urn:x:1")
    assert (rtype.name, object_id) == ("agentassist.config", "urn:x:1")


def test_versions_and_labels_name_snapshots(world: World) -> None:
    config = addresses.find_config(None, f"northwind {ADDRESS}")
    assert config.baseline is not None
    assert addresses.find_snapshot(config, "baseline") == config.baseline
    assert addresses.find_snapshot(config, "v7").version == addresses.find_snapshot(config, "7").version == 7
    digest = addresses.find_snapshot(config, "7").digest
    assert addresses.find_snapshot(config, f"7@{digest[:6]}").version == 7
    for wrong in ("live", "07x", "7@zzzz", "", "7@" + "0" * 12):
        with pytest.raises(NotFound):
            addresses.find_snapshot(config, wrong)
    assert addresses.labels_of(config, config.baseline, {}) == ["baseline"]
