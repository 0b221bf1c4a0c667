from django.urls import path

from webapp.exchange import views

app_name = "exchange"
urlpatterns = [
    path("", views.transfer_list, name="list"),
    path("import/", views.import_new, name="import"),
    path("export/", views.export_new, name="export"),
    path("<int:transfer_id>/", views.transfer_detail, name="detail"),
    path("<int:transfer_id>/dataset.zip", views.download, name="download"),
    path("<int:transfer_id>/bad-rows.csv", views.download_bad_rows, name="bad_rows"),
]
