from django.urls import path

from webapp.training.views import launch, runs, snapshots

app_name = "training"
urlpatterns = [
    path("", runs.run_list, name="list"),
    path("new/", launch.run_new, name="new"),
    path("compare/", runs.run_compare, name="compare"),
    path("curves/", runs.run_curves, name="curves"),
    path("<int:run_id>/", runs.run_detail, name="detail"),
    path("<int:run_id>/points.json", runs.run_points, name="points"),
    path("<int:run_id>/do/<slug:action>/", runs.run_act, name="act"),
    path("snapshots/", snapshots.snapshot_list, name="snapshots"),
    path("snapshots/new/", snapshots.snapshot_new, name="snapshot_new"),
    path("snapshots/<int:snapshot_id>/", snapshots.snapshot_detail, name="snapshot"),
    path(
        "snapshots/<int:snapshot_id>/items.jsonl", snapshots.snapshot_export, name="snapshot_export"
    ),
    path("pipelines/new/", launch.pipeline_new, name="pipeline_new"),
    path("pipelines/<int:pipeline_id>/", runs.pipeline_detail, name="pipeline"),
]
