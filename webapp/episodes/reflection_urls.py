from django.urls import path

from webapp.episodes.views.reflections import reflection_list

app_name = "reflections"
urlpatterns = [path("", reflection_list, name="list")]
