from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.http.response import HttpResponseBase, HttpResponseRedirectBase
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

HOME = "/"


class SignInMiddleware(LoginRequiredMiddleware):
    """Leads whoever is not signed in to the sign-in page, and from there back to a whole page.

    htmx would put the sign-in page where a part of a page belongs. And the browser comes back by
    GET: an address that only takes what is sent to it would show nothing.
    """

    def handle_no_permission(  # type: ignore[override]  # htmx's redirect has a class of its own
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseRedirectBase:
        """Answer a stranger's request for a page that wants to know who asks."""
        htmx = HtmxDetails(request)
        if htmx:
            door = redirect_to_login(_path_here(request, htmx.current_url))
            return HttpResponseClientRedirect(door.url)
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
