"""The settings of a training run that decide something in its stage."""

from collections.abc import Iterator, Mapping

from retro_core.training.spec import Stage, TrainingSpec
from webapp.setting_fields import SettingField, Style, fields_of

# Paths, and what the form asks above the fold.
NOT_ASKED = frozenset(
    {
        *("stage", "seed", "parent_adapter", "reward__kind", "reward__folder", "reward__function"),
        *(
            "reward__address_file",
            "reward__settings",
            "dataset__path",
            "dataset__sha256",
            "dataset__validation_fraction",
        ),
        *("base_model__folder", "base_model__sha256", "base_model__name"),
    }
)
OF_STAGES: Mapping[str, tuple[Stage, ...]] = {
    "reward_model": ("reward_model",),
    "reward": ("ppo", "grpo"),
    "ppo": ("ppo",),
    "grpo": ("grpo",),
}
STYLE = Style(top="machine", longest=400, words={})


def setting_fields(stage: str) -> Iterator[SettingField]:
    """Every setting that decides something in a stage and is not asked elsewhere."""
    for setting in fields_of(TrainingSpec(), STYLE):
        if setting.name not in NOT_ASKED and stage in OF_STAGES.get(setting.section, (stage,)):
            yield setting
