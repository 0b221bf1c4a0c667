from django.urls import path

from webapp.tasks import views

app_name = "tasks"
urlpatterns = [
    path("", views.task_set_list, name="list"),
    path("<int:task_set_id>/", views.task_set_detail, name="detail"),
]
