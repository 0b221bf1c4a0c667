from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from retro_core.errors import InvalidInput
from webapp.accounts.models import OneTimeLink
from webapp.accounts.roles import ADMINISTRATOR, ROLES
from webapp.names import taken_once

FIRST_NAME = "admin"


def administrators() -> "QuerySet[User]":
    """Everybody who administers and can sign in."""
    either = Q(is_superuser=True) | Q(groups__name=ADMINISTRATOR)
    return User.objects.filter(either, is_active=True).distinct()


@transaction.atomic
def ensure_administrator() -> User:
    """The oldest active administrator, made at the first start."""
    found = administrators().order_by("pk").first()
    if found:
        return found
    name = _free_name()
    user = get_user_model().objects.create_superuser(name, password=None)
    user.groups.add(Group.objects.get_or_create(name=ADMINISTRATOR)[0])
    return user


def one_time_path(user: User) -> str:
    """The path of a fresh link that signs the user in once."""
    return reverse("accounts:enter", args=[OneTimeLink.objects.make(user)])


def role_of(person: User) -> str:
    """The highest of a person's roles; empty where there is none."""
    if person.is_superuser:
        return ADMINISTRATOR
    names = {group.name for group in person.groups.all()}
    return next((role for role in reversed(ROLES) if role in names), "")


@transaction.atomic
def add_person(name: str, role: str) -> User:
    """Make an account that only a one-time link opens, until its person sets a password.

    Raises InvalidInput for a name that is taken or that no account can have.
    """
    person = User(username=User.normalize_username(name))
    person.set_unusable_password()
    try:
        person.clean_fields()
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from error
    with taken_once("person", person.username):
        person.save()
    give_role(person, role)
    return person


@transaction.atomic
def give_role(person: User, role: str) -> None:
    """Replace the person's role. Raises InvalidInput for that of the last administrator."""
    if role != ADMINISTRATOR:
        _spare_the_last_administrator(person)
        person.is_superuser = False
        person.save(update_fields=["is_superuser"])
    person.groups.remove(*Group.objects.filter(name__in=ROLES))
    person.groups.add(Group.objects.get_or_create(name=role)[0])


@transaction.atomic
def leave(person: User) -> None:
    """Close the account; what the person did stays. Raises InvalidInput as above."""
    _spare_the_last_administrator(person)
    OneTimeLink.objects.filter(user=person).delete()  # or one would work after a return
    person.is_active = False
    person.save(update_fields=["is_active"])


def come_back(person: User) -> None:
    """Open the account again, with the role and the password that it had."""
    person.is_active = True
    person.save(update_fields=["is_active"])


def _spare_the_last_administrator(person: User) -> None:
    """Raise InvalidInput if nobody would be left. Of two who go at once the second waits here."""
    list(Group.objects.select_for_update().filter(name=ADMINISTRATOR))
    if set(administrators().values_list("pk", flat=True)) == {person.pk}:
        raise InvalidInput(f"{person} is the last administrator: make another one first.")


def _free_name() -> str:
    taken = set(
        User.objects.filter(username__startswith=FIRST_NAME).values_list("username", flat=True)
    )
    names = [FIRST_NAME, *(f"{FIRST_NAME}-{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)
