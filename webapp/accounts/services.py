from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.urls import reverse

from webapp.accounts.models import OneTimeLink
from webapp.accounts.roles import ADMINISTRATOR

FIRST_NAME = "admin"


@transaction.atomic
def ensure_administrator() -> User:
    """The oldest active administrator, made at the first start."""
    found = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if found:
        return found
    name = _free_name()
    user = get_user_model().objects.create_superuser(name, password=None)
    user.groups.add(Group.objects.get_or_create(name=ADMINISTRATOR)[0])
    return user


def one_time_path(user: User) -> str:
    """The path of a fresh link that signs the user in once."""
    return reverse("accounts:enter", args=[OneTimeLink.objects.make(user)])


def _free_name() -> str:
    taken = set(
        User.objects.filter(username__startswith=FIRST_NAME).values_list("username", flat=True)
    )
    names = [FIRST_NAME, *(f"{FIRST_NAME}-{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)
