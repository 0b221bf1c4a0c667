from django.urls import path

from webapp.reports.views import reports, reviews

app_name = "reports"
urlpatterns = [
    path("", reports.report_list, name="list"),
    path("new/", reports.report_new, name="new"),
    path("preview/", reports.report_preview, name="preview"),
    path("<int:report_id>/", reports.report_detail, name="detail"),
    path("<int:report_id>/edit/", reports.report_edit, name="edit"),
    path("<int:report_id>/versions/<int:number>/", reports.report_detail, name="version"),
    path("<int:report_id>/versions/<int:number>/restore/", reports.report_restore, name="restore"),
    path("reviews/<slug:kind>/<int:target_id>/ask/", reviews.review_ask, name="ask"),
    path("reviews/<int:review_id>/answer/", reviews.review_answer, name="answer"),
]
