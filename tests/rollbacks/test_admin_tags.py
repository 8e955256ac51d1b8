"""What other pages may say about rollbacks: those of a configuration, and which versions this console wrote."""

import pytest
from django.template import Context, Template

from rollbacks.templatetags.rollbacks import action_words, our_writes, rollbacks_of
from tests import world as making
from tests.rollbacks.conftest import Desk
from tests.rollbacks.page_reading import address_of
from tests.world import BILLING_PATH

pytestmark = pytest.mark.django_db


def test_a_configurations_rollbacks_are_told_apart_into_open_and_recent_ones(desk: Desk) -> None:
    done = desk.run(desk.approved())
    waiting = desk.request(desk.good_version - 3)
    told = rollbacks_of(desk.world.config)
    assert (told.open, told.recent) == ((waiting,), (done,))
    card = Template("{% load rollbacks %}{% config_rollbacks config %}").render(Context({"config": desk.world.config}))
    assert address_of(done) in card
    assert address_of(waiting) in card


def test_a_configuration_without_rollbacks_gets_no_card(world: making.World) -> None:
    card = Template("{% load rollbacks %}{% config_rollbacks config %}").render(Context({"config": world.config}))
    assert card.strip() == ""


def test_only_a_version_that_we_wrote_is_called_ours(desk: Desk) -> None:
    done = desk.run(desk.approved())
    ours = done.attempts.get().read_back
    assert ours is not None
    lost = desk.approved(desk.good_version - 4)
    desk.fault("foreign_write")
    lost = desk.run(lost)
    assert lost.state == "conflict"
    desk.world.practice.foreign_write(BILLING_PATH)
    making.look(desk.world.config)
    assert our_writes(desk.world.config) == {ours.pk: done}
    page = Template("{% load rollbacks %}{% our_writes config as ours %}{% firstof ours|of_snapshot:pk 'foreign' %}")
    assert str(done) in page.render(Context({"config": desk.world.config, "pk": ours.pk}))
    assert page.render(Context({"config": desk.world.config, "pk": desk.world.config.live_id})) == "foreign"


def test_an_unknown_action_is_shown_as_it_is() -> None:
    assert (action_words("write.intent"), action_words("moon.landing")) == ("Write announced", "moon.landing")
