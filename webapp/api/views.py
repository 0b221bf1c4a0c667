from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from webapp import present
from webapp.api.forms import TokenForm
from webapp.api.models import Token
from webapp.keyset import page_of

PAGE_SIZE = 30


@never_cache
@require_http_methods(["GET", "POST"])
@permission_required("api.add_token", raise_exception=True)
def tokens(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    form = TokenForm(request.POST if request.method == "POST" else None)
    text = form.save(request.user) if form.is_valid() else None
    page = page_of(Token.objects.filter(user=request.user), request.GET, PAGE_SIZE)
    context = {
        "current_section": "account",
        "form": TokenForm() if text else form,
        "text": text,  # the one time that it is shown
        "rows": [_row(token) for token in page.rows],
        "page": page,
    }
    refused = form.is_bound and text is None
    return render(request, "api/tokens.html", context, status=422 if refused else 200)


@require_POST
@permission_required("api.add_token", raise_exception=True)
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    mine = Token.objects.filter(pk=token_id, user=request.user.pk, revoked_at=None)
    if mine.update(revoked_at=timezone.now()):
        messages.success(request, "The token is revoked: it opens nothing any more.")
    return redirect("tokens:list")


def _row(token: Token) -> dict[str, object]:
    return {
        "token": token,
        "scopes": ", ".join(token.scopes),
        "created": present.moment(token.created_at),
        "used": present.moment(token.last_used_at),
        "revoked": present.moment(token.revoked_at),
    }
