"""The address of the printed links."""

import pytest
from pytest_django.fixtures import Settings

from webapp.system import starting


@pytest.mark.parametrize(
    ("host", "given", "port", "address"),
    [
        ("127.0.0.1", [], 8000, "http://localhost:8000"),
        ("0.0.0.0", [], 9000, "http://localhost:9000"),
        ("10.0.0.7", [], 8000, "http://10.0.0.7:8000"),
        ("0.0.0.0", ["*"], 8000, "http://localhost:8000"),
        ("0.0.0.0", [".lab.org", "a.lab.org", "b.lab.org"], 8000, "http://a.lab.org:8000"),
        ("0.0.0.0", ["a.lab.org"], 443, "https://a.lab.org"),
        ("0.0.0.0", ["a.lab.org"], 80, "http://a.lab.org"),
    ],
)
def test_links_name_the_studio_as_others_reach_it(
    settings: Settings, host: str, given: list[str], port: int, address: str
) -> None:
    settings.HOST, settings.GIVEN_NAMES, settings.PUBLIC_PORT = host, given, port

    assert starting.address() == address
