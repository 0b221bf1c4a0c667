"""One way to answer: the whole page, or the partial that an htmx request asks for."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails


class HtmxHttpRequest(HttpRequest):
    """A request as HtmxMiddleware hands it to the views."""

    htmx: HtmxDetails


def asked_partial(request: HtmxHttpRequest, partials: Sequence[str]) -> str:
    """The partial that fills the target of an htmx request; empty for the whole page.

    A partial has the name of the element that it fills; where there are many alike, the element
    has a number behind it: `sent-12` asks for `sent`. The browser's back button asks htmx for a
    whole page, whatever the target was.
    """
    htmx = request.htmx
    if not htmx or htmx.history_restore_request:
        return ""
    name = re.sub(r"-\d+$", "", htmx.target or "")
    return name if name in partials else ""


def render_page(
    request: HtmxHttpRequest,
    template: str,
    context: Mapping[str, Any],  # template values are of any type
    *,
    partials: Sequence[str] = (),
    status: int = 200,
) -> HttpResponse:
    """Render the partial that is asked for if it is one of `partials`, else the whole page."""
    partial = asked_partial(request, partials)
    name = f"{template}#{partial}" if partial else template
    response = render(request, name, dict(context), status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response
