"""Gives somebody an account and a role, or closes the account."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from retro_core.errors import InvalidInput
from webapp.accounts.roles import ROLES
from webapp.accounts.services import add_person, come_back, give_role, leave, one_time_path
from webapp.system import starting


class Command(BaseCommand):
    """`manage.py person NAME --role ROLE`, `manage.py person NAME --leave`."""

    help = "Give a person an account with a role and print a link that signs in once, or close it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Who, and what becomes of the account."""
        parser.add_argument("name")
        parser.add_argument("--role", choices=ROLES, help="the account is made or opened again")
        parser.add_argument("--leave", action="store_true", help="the account is closed")

    def handle(self, *args: Any, **options: Any) -> None:  # Django's own signature
        """Do what was asked for, or nothing."""
        name, role = options["name"], options["role"]
        address = starting.running_address()
        try:
            with transaction.atomic():
                person = welcome(name, role) if role else known(name)
                if options["leave"]:
                    leave(person)
        except InvalidInput as error:
            raise CommandError(str(error)) from error
        if options["leave"]:
            self.stdout.write(f"The account of {person} is closed.")
        elif role:
            link = address + one_time_path(person)
            self.stdout.write(f"{person} is {role}. Open {link} (signs in once)")
        else:
            raise CommandError(f"Say what becomes of {person}: --role or --leave.")


def welcome(name: str, role: str) -> User:
    """The person with this role and an open account, made where there is none."""
    person = User.objects.filter(username=name).first()
    if person is None:
        return add_person(name, role)
    come_back(person)
    give_role(person, role)
    return person


def known(name: str) -> User:
    """The person of that name. Raises InvalidInput where there is none."""
    person = User.objects.filter(username=name).first()
    if person is None:
        raise InvalidInput(f"There is no person {name!r}.")
    return person
