from django.urls import path

from webapp.adapters.views import actions, lineage, registry

app_name = "adapters"
urlpatterns = [
    path("", registry.adapter_list, name="list"),
    path("roll-back/", actions.adapter_roll_back, name="roll_back"),
    path("<int:adapter_id>/", registry.adapter_detail, name="detail"),
    path("<int:adapter_id>/lineage/", lineage.adapter_lineage, name="lineage"),
    path("<int:adapter_id>/promote/", actions.adapter_promote, name="promote"),
    path("<int:adapter_id>/try/", actions.adapter_try, name="try"),
    path("<int:adapter_id>/evaluate/", actions.adapter_evaluate, name="evaluate"),
]
