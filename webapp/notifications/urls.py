from django.urls import path

from webapp.notifications import views

app_name = "notifications"
urlpatterns = [
    path("", views.notification_list, name="list"),
    path("unread/", views.unread, name="unread"),
    path("read/", views.read_all, name="read_all"),
    path("<int:notification_id>/open/", views.open_one, name="open"),
]
