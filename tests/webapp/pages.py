"""What a page says, for a test to look in."""

from django.http import HttpResponse


def text(response: HttpResponse) -> str:
    """The page on one line."""
    return " ".join(response.content.decode().split())
