"""The settings of an experiment that its form asks below the upper part."""

from collections.abc import Iterator

from retro_core.config import ExperimentConfig
from webapp.setting_fields import SettingField, Style, fields_of

ASKED_ABOVE = {"method", "trials", "seed"}
WORDS = {
    "": "server's default",
    "task": "the task's own pages",
    "wikipedia": "live Wikipedia",
    "corpus": "a corpus folder",
    "as_task": "as the task says",
    "text_rich": "whole pages, buttons marked",
    "text": "whole pages, plain",
}
STYLE = Style(top="memory", longest=120, words=WORDS)


def setting_fields() -> Iterator[SettingField]:
    """Every setting of an experiment that the form doesn't ask in its upper part."""
    for setting in fields_of(ExperimentConfig(), STYLE):
        if setting.name not in ASKED_ABOVE:
            yield setting
