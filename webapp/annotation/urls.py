from django.urls import path

from webapp.annotation.views import (
    agreement,
    annotate,
    bulk,
    comments,
    decide,
    exchange,
    history,
    queues,
    work,
)

QUEUE = "queues/<int:queue_id>/"
ITEM = "queues/<int:queue_id>/items/<int:item_id>/"

app_name = "annotation"
urlpatterns = [
    path("", queues.queue_list, name="list"),
    path("queues/new/", queues.queue_new, name="new"),
    path(QUEUE, queues.queue_detail, name="queue"),
    path(f"{QUEUE}change/", queues.queue_change, name="change"),
    path(f"{QUEUE}guidelines/", queues.guidelines_write, name="guidelines"),
    path(f"{QUEUE}next/", work.next_item, name="next"),
    path(f"{QUEUE}bulk/", bulk.bulk_choose, name="bulk"),
    path(f"{QUEUE}bulk/answer/", bulk.bulk_preview, name="bulk_answer"),
    path(f"{QUEUE}agreement/", agreement.queue_agreement, name="agreement"),
    path(f"{QUEUE}disputes/", decide.disputes, name="disputes"),
    path(f"{QUEUE}import/", exchange.responses_import, name="import"),
    path(f"{QUEUE}responses.jsonl", exchange.responses_jsonl, name="jsonl"),
    path(f"{QUEUE}argilla.json", exchange.argilla_json, name="argilla"),
    path(f"{QUEUE}label-studio.json", exchange.label_studio_json, name="label_studio"),
    path(f"{QUEUE}<str:action>/", queues.queue_act, name="act"),
    path(ITEM, annotate.item_page, name="item"),
    path(f"{ITEM}take/", work.take_item, name="take"),
    path(f"{ITEM}skip/", work.skip_item, name="skip"),
    path(f"{ITEM}draft/", work.save_draft, name="draft"),
    path(f"{ITEM}beat/", work.beat, name="beat"),
    path(f"{ITEM}submit/", work.submit, name="submit"),
    path(f"{ITEM}decide/", decide.item_decide, name="decide"),
    path("responses/<int:response_id>/undo/", work.undo, name="undo"),
    path("batches/<int:batch_id>/", bulk.batch_detail, name="batch"),
    path("batches/<int:batch_id>/undo/", bulk.batch_undo, name="batch_undo"),
    path("reflections/<int:reflection_id>/", history.reflection_history, name="history"),
    path("discussions/<slug:kind>/<int:target_id>/", comments.discussion, name="discussion"),
    path("discussions/<slug:kind>/<int:target_id>/add/", comments.comment_add, name="comment"),
    path("audit/", history.audit, name="audit"),
    path("audit/revert/", history.revert_events, name="revert"),
    path("rule/", history.rule_change, name="rule"),
]
