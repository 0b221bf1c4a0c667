"""Signing in: the one-time link of the first start, passwords, and the roles."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from webapp.accounts.models import OneTimeLink
from webapp.accounts.services import ensure_administrator, one_time_path

pytestmark = pytest.mark.django_db


def test_a_one_time_link_signs_in_once_and_never_again(client: Client) -> None:
    path = one_time_path(ensure_administrator())

    first = client.get(path)
    second = Client().get(path)

    assert (first.status_code, first["Location"]) == (302, "/")
    assert client.session["_auth_user_id"] == str(User.objects.get().pk)
    assert second.status_code == 410


def test_following_the_same_link_again_while_signed_in_leads_home(client: Client) -> None:
    path = one_time_path(ensure_administrator())
    client.get(path)

    again = client.get(path)

    assert (again.status_code, again["Location"]) == (302, "/")


def test_an_expired_link_is_refused(client: Client) -> None:
    path = one_time_path(ensure_administrator())
    OneTimeLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert client.get(path).status_code == 410


def test_a_link_of_a_user_who_left_is_refused(client: Client) -> None:
    path = one_time_path(ensure_administrator())
    User.objects.update(is_active=False)

    assert client.get(path).status_code == 410


def test_the_token_itself_is_not_stored() -> None:
    token = one_time_path(ensure_administrator()).rstrip("/").rpartition("/")[2]

    assert OneTimeLink.objects.get().token_hash != token
    assert len(OneTimeLink.objects.get().token_hash) == 64


def test_the_second_start_makes_no_second_administrator() -> None:
    assert ensure_administrator() == ensure_administrator()
    assert User.objects.get().username == "admin"


def test_the_first_administrator_gets_another_name_when_admin_is_an_ordinary_user() -> None:
    User.objects.create_user("admin")

    assert ensure_administrator().username == "admin-2"


def test_a_stranger_is_led_to_the_sign_in_page(client: Client) -> None:
    response = client.get("/password/")

    assert response["Location"] == "/sign-in/?next=/password/"
    assert client.get("/sign-in/").status_code == 200


def test_a_first_password_can_be_set_without_an_old_one_and_signs_in(client: Client) -> None:
    client.force_login(ensure_administrator())
    words = {"new_password1": "kettle on the stove", "new_password2": "kettle on the stove"}

    assert client.post("/password/", words)["Location"] == "/password/"

    stranger = Client()
    stranger.post("/sign-in/", {"username": "admin", "password": "kettle on the stove"})
    assert "_auth_user_id" in stranger.session


def test_who_comes_by_a_link_sets_a_new_password_once_without_the_old_one(client: Client) -> None:
    admin = ensure_administrator()
    admin.set_password("forgotten since")
    admin.save()
    client.get(one_time_path(admin))
    words = {"new_password1": "kettle on the stove", "new_password2": "kettle on the stove"}

    page = client.get("/password/").content
    client.post("/password/", words)
    after = client.get("/password/").content

    admin.refresh_from_db()
    assert admin.check_password("kettle on the stove")
    assert b"old_password" not in page
    assert b"old_password" in after


def test_who_signed_in_by_password_is_asked_for_it(client: Client) -> None:
    admin = ensure_administrator()
    admin.set_password("behind the green door")
    admin.save()
    client.post("/sign-in/", {"username": "admin", "password": "behind the green door"})
    words = {"new_password1": "kettle on the stove", "new_password2": "kettle on the stove"}

    client.post("/password/", words)

    admin.refresh_from_db()
    assert admin.check_password("behind the green door")


@pytest.mark.parametrize("word", ["stove-9", "password123", "administrator"])
def test_a_password_that_is_short_or_common_or_the_name_is_refused(
    client: Client, word: str
) -> None:
    person = User.objects.create_user("administrator")
    client.force_login(person)

    response = client.post("/password/", {"new_password1": word, "new_password2": word})

    person.refresh_from_db()
    assert response.status_code == 200
    assert not person.has_usable_password()


def test_the_form_says_what_a_password_must_be(client: Client) -> None:
    client.force_login(ensure_administrator())

    assert b"must contain at least 10 characters." in client.get("/password/").content


def test_a_link_is_not_followed_by_post(client: Client) -> None:
    path = one_time_path(ensure_administrator())

    assert client.post(path).status_code == 405


@pytest.mark.parametrize(
    ("role", "sees", "runs", "deletes"),
    [
        ("viewer", True, False, False),
        ("annotator", True, False, False),
        ("researcher", True, True, False),
        ("administrator", True, True, True),
    ],
)
def test_each_role_may_do_what_those_before_it_may(
    role: str, sees: bool, runs: bool, deletes: bool
) -> None:
    person = User.objects.create_user("kim")
    person.groups.add(Group.objects.get(name=role))

    assert person.has_perm("experiments.view_experiment") == sees
    assert person.has_perm("experiments.run_experiment") == runs
    assert person.has_perm("experiments.delete_experiment") == deletes
