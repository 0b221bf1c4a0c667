from django.contrib import messages
from django.contrib.auth import get_user_model, login, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from webapp.accounts.models import OneTimeLink

BACKEND = "django.contrib.auth.backends.ModelBackend"


@login_not_required
@never_cache
@require_GET
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in by the link that the start of the studio prints."""
    user = OneTimeLink.objects.redeem(token)
    if user is None:
        return _refuse(request)
    login(request, user, backend=BACKEND)
    return redirect("/")


@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """Set the first password, or change it."""
    user = get_user_model().objects.get(username=request.user.get_username())
    form_class = PasswordChangeForm if user.has_usable_password() else SetPasswordForm
    form = form_class(user, request.POST or None)
    if form.is_valid():
        form.save()
        update_session_auth_hash(request, user)
        messages.success(request, "The new password is set.")
        return redirect("accounts:password")
    return render(request, "accounts/password.html", {"form": form})


def _refuse(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("/")
    return render(request, "accounts/link_used.html", status=410)
