"""A program with a token, and a foreign agent that pushes its episodes."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from tests.webapp.played import client_of
from webapp.api.models import Token

ALL = ["read", "write", "train"]
STEPS = [
    {"action": "open red", "thought": "Red.", "observation": "A wall."},
    {"action": "leave", "observation": "You are out.", "reward": 1.0},
]


class Api:
    """A program with a token."""

    def __init__(self, role: str = "researcher", scopes: list[str] = ALL) -> None:
        client_of(role)
        self.user = User.objects.get(username=f"user-{role or 'nobody'}")
        self.token, self.text = Token.objects.make(self.user, "mine", scopes)
        self.client = Client()

    def get(self, path: str) -> Any:
        return self.client.get(f"/api{path}", headers={"Authorization": f"Bearer {self.text}"})

    def post(self, path: str, body: object) -> Any:
        return self.client.post(
            f"/api{path}",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.text}"},
        )


def opened(api: Api, **changes: Any) -> str:
    body = {"name": "foreign", "environment": "doors", "method": "reflexion", "trials": 3}
    made = api.post("/experiments", body | changes)
    assert made.status_code in (200, 201), made.json()
    return f"/experiments/{made.json()['id']}"


def push(api: Api, path: str, task: str, trial: int, episode_return: float) -> dict[str, Any]:
    """A whole episode of two steps."""
    place = {"task_id": task, "trial": trial}
    api.post(f"{path}/episodes", place | {"goal": "Get out."})
    steps = [STEPS[0], STEPS[1] | {"reward": episode_return}]
    api.post(f"{path}/steps", place | {"first_index": 0, "steps": steps})
    end = {"success": episode_return == 1.0, "steps_count": 2}
    told = api.post(f"{path}/end", place | end)
    assert told.status_code == 200, told.json()
    return dict(told.json())
