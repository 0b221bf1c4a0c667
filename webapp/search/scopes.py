"""Where words are looked for: each scope with its table, its match and its joins."""

from dataclasses import dataclass

EPISODE = (
    " JOIN episodes_episode e ON e.id = d.episode_id"
    " JOIN experiments_experiment x ON x.id = e.experiment_id"
)
OF_COMMENTS = (
    " LEFT JOIN episodes_reflection cr ON cr.id = d.reflection_id"
    " LEFT JOIN episodes_step cs ON cs.id = d.step_id"
    " LEFT JOIN episodes_episode e ON e.id = coalesce(cr.episode_id, cs.episode_id)"
    " LEFT JOIN experiments_experiment x ON x.id = coalesce(e.experiment_id, d.experiment_id)"
)
STEPS, REFLECTIONS, COMMENTS = "episodes_step", "episodes_reflection", "annotation_comment"


@dataclass(frozen=True, slots=True)
class Scope:
    """One place to look in. `weight` narrows a step's words to one of its texts."""

    name: str
    label: str
    table: str
    vector: str
    joins: str = EPISODE
    weight: str = ""


SCOPES = {
    scope.name: scope
    for scope in (
        Scope("steps", "Steps", STEPS, "d.search"),
        Scope("action", "Actions", STEPS, "search_words(d.action)"),
        Scope("thought", "Thoughts", STEPS, "d.search", weight="B"),
        Scope("observation", "Observations", STEPS, "d.search", weight="C"),
        Scope("reflections", "Reflections", REFLECTIONS, "d.search"),
        Scope("comments", "Comments", COMMENTS, "search_words(d.text)", joins=OF_COMMENTS),
    )
}
