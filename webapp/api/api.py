"""The API as one object: routes, errors, document."""

import json
from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from ninja import NinjaAPI
from ninja.throttling import AuthRateThrottle

from webapp.api import reading_routes, writing_routes
from webapp.api.errors import add_handlers, error_body
from webapp.api.router import router

RATE = "6000/m"  # of one token at one web process


class TokenThrottle(AuthRateThrottle):
    """Counts by token, whatever it asks."""

    def get_cache_key(self, request: HttpRequest) -> str:
        found = getattr(request, "auth", None)
        return f"api-rate-{found.pk if found else 'nobody'}"


api = NinjaAPI(
    title="Retroformer Studio",
    version="1",
    description=(
        "Create experiments, push episodes of a foreign agent while they are played, read curves"
        " and ratings. Send a token as `Authorization: Bearer rfs_...`; tokens are made on the page"
        " of your account. Writes can be repeated: what is here already stays as it is."
    ),
    urls_namespace="api",
    docs_url="/docs",
    throttle=[TokenThrottle(RATE)],
)
add_handlers(api)
ROUTES = (reading_routes, writing_routes)  # importing them fills the router
api.add_router("", router)


def in_one_shape(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A wrong method is answered by ninja in plain words, past all handlers: retold as others."""

    @wraps(view)
    def answered(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        answer = view(request, *args, **kwargs)
        if isinstance(answer, HttpResponseNotAllowed):
            message = f"This address takes {answer['Allow']}, not {request.method}."
            answer.content = json.dumps(error_body(405, message)).encode()
            answer["Content-Type"] = "application/json"
        return answer

    return answered


@login_not_required
def unknown(request: HttpRequest, rest: str = "") -> HttpResponse:
    """An address that is none, told in the shape of the other errors."""
    return api.on_exception(request, Http404())
