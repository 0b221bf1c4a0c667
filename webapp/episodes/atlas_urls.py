from django.urls import path

from webapp.episodes.views.listing import failure_atlas

app_name = "atlas"
urlpatterns = [path("", failure_atlas, name="atlas")]
