"""Settings: defaults, bounds, and their JSON form."""

import json

import pytest

from retro_core.config import PRESETS, ActorConfig, EpisodeConfig, ExperimentConfig
from retro_core.errors import InvalidInput


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_survives_its_json_form(name: str):
    text = json.dumps(PRESETS[name].to_json())

    assert ExperimentConfig.from_json(json.loads(text)) == PRESETS[name]


def test_missing_settings_take_their_defaults():
    config = ExperimentConfig.from_json({"trials": 2, "episode": {"max_steps": 9}})

    assert (config.trials, config.episode.max_steps) == (2, 9)
    assert config.memory_size == 3
    assert config.episode.max_repeats == 3


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"trails": 3}, "Unknown setting 'trails'; known: method, trials,"),
        ({"method": "luck"}, "method must be one of 'react', .*, not 'luck'"),
        ({"method": ["react"]}, "method must be one of"),
        ({"trials": 0}, "trials must be 1 to 100 trials, not 0"),
        ({"trials": True}, "trials must be a whole number, not True"),
        ({"trials": 1.5}, "trials must be a whole number"),
        ({"trials": None}, "trials must be a whole number"),
        ({"near_repeat_share": float("nan")}, "near_repeat_share must be 0.0 to 1.0"),
        ({"episode": {"max_steps": "9"}}, "episode: max_steps must be a whole number, not '9'"),
        ({"episode": {"show_admissible": 1}}, "episode: show_admissible must be true or false"),
        ({"episode": {"steps": 9}}, "episode: Unknown setting 'steps'"),
        ({"actor": 3}, "actor: ActorConfig needs a mapping"),
        ([], "ExperimentConfig needs a mapping"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_should_be(values, words: str):
    with pytest.raises(InvalidInput, match=words):
        ExperimentConfig.from_json(values)


def test_settings_made_in_code_are_checked_too():
    with pytest.raises(InvalidInput, match=r"temperature must be 0\.0 to 2\.0, not 3\.0"):
        ActorConfig(temperature=3.0)


def test_a_whole_number_may_stand_for_a_fraction():
    assert ActorConfig(temperature=1).temperature == 1


def test_the_paper_presets_play_the_published_step_caps():
    caps = {name: preset.episode.max_steps for name, preset in PRESETS.items()}

    assert caps == {
        "embedded": 30,
        "embedded_hotpotqa": 6,
        "embedded_webshop": 15,
        "paper_alfworld": 49,
        "paper_hotpotqa": 6,
        "paper_webshop": 15,
    }
    assert EpisodeConfig().max_steps == 49
