"""Text that a digest, a request and a database can hold."""


def storable(text: str) -> str:
    """UTF-8 has no lone surrogates and PostgreSQL text no NUL; a model may write both."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
