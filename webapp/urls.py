from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="experiments:list"), name="home"),
    path("", include("webapp.accounts.urls")),
    path("experiments/", include("webapp.experiments.urls")),
    path("episodes/", include("webapp.episodes.urls")),
    path("atlas/", include("webapp.episodes.atlas_urls")),
    path("worlds/", include("webapp.worlds.urls")),
    path("task-sets/", include("webapp.tasks.urls")),
    path("reflections/", include("webapp.episodes.reflection_urls")),
    path("annotation/", include("webapp.annotation.urls")),
    path("notifications/", include("webapp.notifications.urls")),
    path("training/", include("webapp.training.urls")),
    path("adapters/", include("webapp.adapters.urls")),
    path("data/", include("webapp.exchange.urls")),
    path("tokens/", include("webapp.api.token_urls")),
    path("api/", include("webapp.api.urls")),
    path("search/", include("webapp.search.urls")),
    path("reports/", include("webapp.reports.urls")),
]
