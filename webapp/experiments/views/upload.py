from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET


@require_GET
@permission_required("experiments.add_experiment", raise_exception=True)
def episodes_upload(request: HttpRequest) -> HttpResponse:
    """Imports of every kind have one page."""
    return redirect("exchange:import")
