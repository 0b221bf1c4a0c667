from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django_htmx.http import trigger_client_event
from django_htmx.middleware import HtmxDetails

HOME = "/"
SIGNED_OUT = "signed-out"  # static/studio.js shows a notice then


class SignInMiddleware(LoginRequiredMiddleware):
    """Leads whoever is not signed in to the sign-in page, and from there back to a whole page.

    htmx would put the sign-in page where a part of a page belongs; leading the whole page there
    would take along what is being typed. So the page stays and says so. And the browser comes back
    by GET: an address that only takes what is sent to it would show nothing.
    """

    def handle_no_permission(  # type: ignore[override]  # a part of a page is led nowhere
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseBase:
        """Answer a stranger's request for a page that wants to know who asks."""
        if HtmxDetails(request):
            return trigger_client_event(HttpResponse(status=204), SIGNED_OUT)
        if request.method not in {"GET", "HEAD"}:
            return redirect_to_login(_path_here(request, request.headers.get("Referer")))
        return super().handle_no_permission(request, view_func)


def _path_here(request: HttpRequest, address: str | None) -> str:
    """The path of an address of this host; the home page for any other.

    Schemes are not compared: behind a proxy that speaks TLS, the request has the other one.
    """
    try:
        parts = urlsplit(address or "")
    except ValueError:
        return HOME
    if parts.netloc != request.get_host():
        return HOME
    return urlunsplit(("", "", parts.path or HOME, parts.query, ""))
