"""Guidelines as HTML: Markdown without raw HTML, images or scripts."""

from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def as_html(text: str) -> SafeString:
    """Safe to show: tags in the text are escaped and only harmless links are made."""
    html: str = _MARKDOWN.render(text)
    return mark_safe(html)
