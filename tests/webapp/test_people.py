"""Accounts and roles of a team: the page for administrators, and the command."""

import io
import re
from functools import partial

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from pytest_django.fixtures import Settings

from retro_core.errors import InvalidInput
from tests.webapp.pages import text
from tests.webapp.played import client_of
from tests.webapp.test_annotation_rule_lock import during
from webapp.accounts import services
from webapp.accounts.models import OneTimeLink
from webapp.accounts.roles import ROLES

pytestmark = pytest.mark.django_db
NEW = {"name": "kim", "role": "annotator"}


@pytest.fixture
def boss() -> Client:
    """The only administrator."""
    return client_of("administrator")


def kim() -> User:
    return User.objects.get(username="kim")


def link_in(words: str) -> str:
    found = re.search(r"http://[^/\s]+(/enter/[\w-]+/)", words)
    assert found, words
    return found[1]


@pytest.fixture
def database_elsewhere(settings: Settings) -> None:
    """As in a team deployment, where commands find the database without `make up`."""
    settings.EMBEDDED_POSTGRES = False


def person(*words: str) -> str:
    """What the command prints."""
    out = io.StringIO()
    call_command("person", *words, stdout=out)
    return out.getvalue()


def test_a_person_is_added_and_the_link_that_is_shown_once_signs_in(boss: Client) -> None:
    made = text(boss.post("/people/", NEW))
    again = text(boss.get("/people/"))

    assert services.role_of(kim()) == "annotator"
    assert not kim().has_usable_password()
    assert "/enter/" not in again
    comer = Client()
    assert comer.get(link_in(made)).status_code == 302
    assert comer.get("/annotation/").status_code == 200


def test_a_link_has_the_address_that_the_browser_knows(boss: Client) -> None:
    made = text(boss.post("/people/", NEW, headers={"Origin": "https://studio.example.org"}))

    assert "https://studio.example.org/enter/" in made


@pytest.mark.parametrize("name", ["", "two words", "user-administrator", "x" * 151, "a/b"])
def test_a_name_that_cannot_be_had_is_refused_with_the_reason(boss: Client, name: str) -> None:
    response = boss.post("/people/", {**NEW, "name": name})

    assert response.status_code == 422
    assert 'class="errors"' in text(response)
    assert User.objects.count() == 1


def test_the_list_says_role_last_sign_in_and_whether_the_account_is_open(boss: Client) -> None:
    services.leave(services.add_person("kim", "researcher"))
    User.objects.create_user("ann")

    page = text(boss.get("/people/"))

    assert re.search(r"kim.*<option selected>researcher</option>.*closed", page)
    assert re.search(r'ann.*<option value="">no role</option>', page)
    assert "just now" in page  # the administrator
    assert page.index(">ann") < page.index(">kim")  # newest first


def test_a_role_replaces_the_one_before(boss: Client) -> None:
    services.add_person("kim", "researcher")

    response = boss.post(f"/people/{kim().pk}/role/", {"role": "viewer"}, follow=True)

    assert "The role of kim is viewer now." in text(response)
    assert [group.name for group in kim().groups.all()] == ["viewer"]


def test_a_role_that_there_is_not_changes_nothing(boss: Client) -> None:
    services.add_person("kim", "researcher")

    boss.post(f"/people/{kim().pk}/role/", {"role": "king"})

    assert services.role_of(kim()) == "researcher"


def test_a_new_link_is_shown_and_its_address_can_be_opened_by_get(boss: Client) -> None:
    path = f"/people/{services.add_person('kim', 'viewer').pk}/link/"

    shown = boss.post(path)

    assert Client().get(link_in(text(shown))).status_code == 302
    assert "no-store" in shown["Cache-Control"]
    assert boss.get(path)["Location"] == "/people/"


def test_whoever_left_is_signed_out_and_gets_no_link_and_may_come_back(boss: Client) -> None:
    made = boss.post("/people/", NEW)
    unused = link_in(text(boss.post(f"/people/{kim().pk}/link/")))
    comer = Client()
    comer.get(link_in(text(made)))

    boss.post(f"/people/{kim().pk}/leave/")

    assert comer.get("/experiments/")["Location"] == "/sign-in/?next=/experiments/"
    assert boss.post(f"/people/{kim().pk}/link/").status_code == 404
    boss.post(f"/people/{kim().pk}/return/")
    assert Client().get(unused).status_code == 410
    assert kim().is_active
    assert services.role_of(kim()) == "annotator"


def test_the_last_administrator_stays_one(boss: Client) -> None:
    last = User.objects.get()
    services.leave(services.add_person("kim", "administrator"))  # one who cannot sign in

    demoted = boss.post(f"/people/{last.pk}/role/", {"role": "viewer"}, follow=True)
    left = boss.post(f"/people/{last.pk}/leave/", follow=True)

    for response in (demoted, left):
        assert "is the last administrator: make another one first." in text(response)
    last.refresh_from_db()
    assert last.is_active
    assert services.role_of(last) == "administrator"


def test_the_first_administrator_can_hand_over_and_the_start_makes_no_other() -> None:
    first = services.ensure_administrator()
    services.add_person("kim", "administrator")

    services.give_role(first, "viewer")

    first = User.objects.get(pk=first.pk)
    assert not first.has_perm("experiments.delete_experiment")
    assert services.ensure_administrator() == kim()


@pytest.mark.django_db(transaction=True)
def test_of_two_administrators_who_leave_at_once_one_stays() -> None:
    Group.objects.get_or_create(name="administrator")  # a test before may have emptied every table
    ann, bob = [services.add_person(name, "administrator") for name in ("ann", "bob")]

    with pytest.raises(InvalidInput, match="bob is the last administrator"):
        during(partial(services.leave, ann), partial(services.leave, bob))

    assert User.objects.get(is_active=True) == bob


@pytest.mark.parametrize("role", [*ROLES[:-1], ""])
def test_only_administrators_look_after_people(role: str) -> None:
    stranger = client_of(role)
    services.add_person("kim", "viewer")

    assert stranger.get("/people/").status_code == 403
    assert stranger.post("/people/", {**NEW, "name": "ann"}).status_code == 403
    for act in ("role", "link", "leave", "return"):
        assert stranger.post(f"/people/{kim().pk}/{act}/", {"role": role}).status_code == 403
    assert "/people/" not in text(stranger.get("/password/"))
    assert User.objects.count() == 2
    assert not OneTimeLink.objects.exists()


def test_wrong_methods_and_people_that_there_are_not(boss: Client) -> None:
    for act in ("role", "leave", "return"):
        assert boss.get(f"/people/1/{act}/").status_code == 405
        assert boss.post(f"/people/{'9' * 30}/{act}/", {"role": "viewer"}).status_code == 404
    assert 'href="/people/"' in text(boss.get("/password/"))


@pytest.mark.usefixtures("database_elsewhere")
def test_the_command_gives_an_account_and_changes_its_role_and_closes_it() -> None:
    services.ensure_administrator()

    made = person("kim", "--role", "annotator")
    changed = person("kim", "--role", "researcher")
    closed = person("kim", "--leave")

    assert made.startswith("kim is annotator. Open http://localhost:8000/enter/")
    assert Client().get(link_in(changed)).status_code == 410  # the account is closed
    assert closed == "The account of kim is closed.\n"
    assert (services.role_of(kim()), kim().is_active) == ("researcher", False)
    person("kim", "--role", "viewer")
    assert kim().is_active


@pytest.mark.usefixtures("database_elsewhere")
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nobody", "--leave"], "There is no person 'nobody'."),
        (["two words", "--role", "viewer"], "Enter a valid username"),
        (["admin", "--role", "viewer"], "admin is the last administrator"),
        (["admin", "--leave"], "admin is the last administrator"),
        (["admin"], "Say what becomes of admin"),
    ],
)
def test_the_command_refuses_in_one_sentence(words: list[str], reason: str) -> None:
    services.ensure_administrator()

    with pytest.raises(CommandError, match=reason):
        person(*words)

    assert [one.username for one in services.administrators()] == ["admin"]


def test_without_a_studio_the_command_says_how_to_start_it() -> None:
    with pytest.raises(CommandError, match="The studio is not running"):
        person("kim", "--role", "viewer")
