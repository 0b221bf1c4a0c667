from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET


@require_GET
def episodes_upload(request: HttpRequest) -> HttpResponse:
    """Imports of every kind have one page."""
    return redirect("exchange:import")
