from django.urls import path

from webapp.worlds.views import cards, game, picking

app_name = "worlds"
urlpatterns = [
    path("", cards.world_list, name="list"),
    path("trials/<int:trial_id>/", game.hand_trial, name="trial"),
    path("trials/<int:trial_id>/prompt/", game.hand_prompt, name="prompt"),
    path("trials/<int:trial_id>/act/", game.hand_act, name="act"),
    path("trials/<int:trial_id>/give-up/", game.hand_give_up, name="give_up"),
    path("trials/<int:trial_id>/next/", game.hand_next, name="next"),
    path("tasks/<int:task_set_id>/", picking.hand_tasks, name="tasks"),
    path("tasks/<int:task_set_id>/begin/", picking.hand_begin, name="begin"),
    path("<slug:name>/", cards.world_card, name="card"),
    path("<slug:name>/new-tasks/", picking.hand_new_tasks, name="new_tasks"),
]
