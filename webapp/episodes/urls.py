from django.urls import path

from webapp.episodes.views import detail, listing, step

app_name = "episodes"
urlpatterns = [
    path("", listing.episode_list, name="list"),
    path("<int:episode_id>/", detail.episode_detail, name="detail"),
    path("<int:episode_id>/episode.md", detail.episode_markdown, name="markdown"),
    path("<int:episode_id>/episode.json", detail.episode_json, name="json"),
    path("<int:episode_id>/steps/<int:number>/", step.step_detail, name="step"),
    path("<int:episode_id>/steps/<int:number>/tag/", step.step_tag, name="tag"),
    path("<int:episode_id>/steps/<int:number>/untag/", step.step_untag, name="untag"),
]
