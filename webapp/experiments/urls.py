from django.urls import path

from webapp.experiments.views import (
    actions,
    bulk,
    compare,
    create,
    detail,
    exports,
    listing,
    task,
    trial,
)

app_name = "experiments"
urlpatterns = [
    path("", listing.experiment_list, name="list"),
    path("bulk/", bulk.experiments_bulk, name="bulk"),
    path("views/", bulk.saved_views, name="views"),
    path("<int:experiment_id>/pin/", bulk.experiment_pin, name="pin"),
    path("new/", create.experiment_new, name="new"),
    path("compare/", compare.experiment_compare, name="compare"),
    path("compare/curves.csv", compare.compare_csv, name="compare_csv"),
    path("<int:experiment_id>/", detail.experiment_detail, name="detail"),
    path("<int:experiment_id>/curve.csv", exports.curve_csv, name="curve_csv"),
    path("<int:experiment_id>/experiment.json", exports.experiment_export, name="export"),
    path("<int:experiment_id>/do/<slug:action>/", actions.experiment_act, name="act"),
    path("<int:experiment_id>/trials/<int:trial>/", trial.trial_episodes, name="trial"),
    path("<int:experiment_id>/tasks/<int:task_id>/", task.task_in_experiment, name="task"),
]
