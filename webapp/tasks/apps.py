from django.apps import AppConfig


class TasksConfig(AppConfig):
    name = "webapp.tasks"
    default_auto_field = "django.db.models.BigAutoField"
