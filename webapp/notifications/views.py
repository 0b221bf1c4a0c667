from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from webapp import present
from webapp.keyset import page_of
from webapp.notifications.models import Notification
from webapp.notifications.services import mark_read, unread_count
from webapp.render import HtmxHttpRequest, render_page

PAGE_SIZE = 50


@require_GET
def notification_list(request: HtmxHttpRequest) -> HttpResponse:
    """The person's own, newest first."""
    own = Notification.objects.filter(person=_person(request)).select_related("actor")
    page = page_of(own, request.GET, PAGE_SIZE)
    rows = [(row, present.moment(row.created_at)) for row in page.rows]
    unread = unread_count(_person(request).pk)
    context = {"current_section": "notifications", "rows": rows, "page": page, "unread": unread}
    return render_page(request, "notifications/list.html", context, partials=["notifications"])


@require_GET
def unread(request: HttpRequest) -> HttpResponse:
    """The badge in the rail. Every page asks for it each minute."""
    context = {"unread": unread_count(_person(request).pk)}
    return render(request, "notifications/_unread.html", context)


@require_POST
def open_one(request: HttpRequest, notification_id: int) -> HttpResponse:
    """Mark it as read and go where it happened."""
    row = get_object_or_404(Notification, pk=notification_id, person=_person(request))
    mark_read(row.person_id, row.pk)
    safe = url_has_allowed_host_and_scheme(row.address, allowed_hosts=None)
    return redirect(row.address if safe else "notifications:list")


@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark all of the person's own as read."""
    mark_read(_person(request).pk)
    return redirect("notifications:list")


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the middleware lets no one else through
    return request.user
