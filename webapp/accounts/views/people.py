from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from retro_core.errors import InvalidInput
from webapp import present
from webapp.accounts import services
from webapp.accounts.forms import PersonForm, RoleForm
from webapp.accounts.roles import ROLES
from webapp.keyset import page_of

PAGE_SIZE = 50
ADMINISTER = ("auth.view_user", "auth.add_user", "auth.change_user")


@never_cache
@require_http_methods(["GET", "POST"])
@permission_required(ADMINISTER, raise_exception=True)
def people(request: HttpRequest) -> HttpResponse:
    """Everybody with an account, newest first; a new one is made here."""
    form = PersonForm(request.POST if request.method == "POST" else None)
    made = form.save() if form.is_valid() else None
    return _page(request, PersonForm() if made else form, made)


@never_cache
@require_http_methods(["GET", "POST"])
@permission_required(ADMINISTER, raise_exception=True)
def new_link(request: HttpRequest, person_id: int) -> HttpResponse:
    """Another link for somebody; whoever comes to the address by GET finds the list."""
    if request.method == "GET":
        return redirect("accounts:people")
    return _page(request, PersonForm(), get_object_or_404(User, pk=person_id, is_active=True))


@require_POST
@permission_required(ADMINISTER, raise_exception=True)
def change_role(request: HttpRequest, person_id: int) -> HttpResponse:
    person = get_object_or_404(User, pk=person_id)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"Choose a role for {person}.")
        return redirect("accounts:people")
    role = form.cleaned_data["role"]
    act = partial(services.give_role, person, role)
    return _done(request, person, act, f"The role of {person} is {role} now.")


@require_POST
@permission_required(ADMINISTER, raise_exception=True)
def leave(request: HttpRequest, person_id: int) -> HttpResponse:
    person = get_object_or_404(User, pk=person_id)
    words = f"The account of {person} is closed: it opens nothing, and what was done with it stays."
    return _done(request, person, partial(services.leave, person), words)


@require_POST
@permission_required(ADMINISTER, raise_exception=True)
def come_back(request: HttpRequest, person_id: int) -> HttpResponse:
    person = get_object_or_404(User, pk=person_id)
    words = f"The account of {person} is open again."
    return _done(request, person, partial(services.come_back, person), words)


def _done(request: HttpRequest, person: User, act: Callable[[], None], words: str) -> HttpResponse:
    try:
        act()
    except InvalidInput as error:
        messages.error(request, str(error))
    else:
        messages.success(request, words)
    # Whoever changed the own account may not see the list any more.
    return redirect("/" if person.pk == request.user.pk else "accounts:people")


def _page(request: HttpRequest, form: PersonForm, shown: User | None) -> HttpResponse:
    """The list; with a link for `shown`, the one time that it is told."""
    page = page_of(User.objects.prefetch_related("groups"), request.GET, PAGE_SIZE)
    context = {
        "current_section": "account",
        "form": form,
        "shown": shown,
        "link": _address(request, services.one_time_path(shown)) if shown else "",
        "rows": [_row(person) for person in page.rows],
        "roles": ROLES,
        "page": page,
    }
    return render(request, "accounts/people.html", context, status=422 if form.errors else 200)


def _address(request: HttpRequest, path: str) -> str:
    """As the browser knows it: behind a proxy that speaks TLS the request itself says http."""
    origin = request.headers.get("Origin")
    return origin + path if origin else request.build_absolute_uri(path)


def _row(person: User) -> dict[str, object]:
    return {
        "person": person,
        "role": services.role_of(person),
        "signed_in": present.moment(person.last_login),
    }
