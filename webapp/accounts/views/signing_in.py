from django.contrib import messages
from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from webapp.accounts.forms import password_form
from webapp.accounts.models import OneTimeLink

BACKEND = "django.contrib.auth.backends.ModelBackend"
BY_LINK = "came_by_link"  # in the session of whoever may have forgotten the password


@login_not_required
@never_cache
@require_GET
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in by a link: the start of the studio prints one, an administrator gives one."""
    user = OneTimeLink.objects.redeem(token)
    if user is None:
        return _refuse(request)
    login(request, user, backend=BACKEND)
    request.session[BY_LINK] = True
    return redirect("/")


@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """Set the first password, or change it; the old one is not asked of who came by a link."""
    assert isinstance(request.user, User)  # the middleware lets no one else through
    user = request.user
    asks_old = user.has_usable_password() and BY_LINK not in request.session
    form = password_form(user, request.POST or None, asks_old=asks_old)
    if form.is_valid():
        form.save()
        update_session_auth_hash(request, user)
        request.session.pop(BY_LINK, None)
        messages.success(request, "The new password is set.")
        return redirect("accounts:password")
    return render(request, "accounts/password.html", {"form": form})


def _refuse(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("/")
    return render(request, "accounts/link_used.html", status=410)
