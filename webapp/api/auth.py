"""Who asks: a token in the Authorization header, its scopes, and the rights of its owner."""

from django.contrib.auth.models import User
from django.http import HttpRequest
from ninja.errors import HttpError
from ninja.security import HttpBearer

from webapp.api.models import Scope, Token


class TokenRequest(HttpRequest):
    """A request as the routes see it."""

    auth: Token


class BearerToken(HttpBearer):
    """`Authorization: Bearer rfs_...`."""

    def authenticate(self, request: HttpRequest, token: str) -> Token | None:
        """The usable token of that text."""
        return Token.objects.of_text(token)


class Allowed(BearerToken):
    """A token with a scope, whose owner has a right."""

    def __init__(self, scope: Scope, permission: str) -> None:
        super().__init__()
        self.scope, self.permission = scope, permission

    def authenticate(self, request: HttpRequest, token: str) -> Token | None:
        found = super().authenticate(request, token)
        if found is None:
            return None
        if self.scope not in found.scopes:
            raise HttpError(403, f"This token lacks the scope {self.scope.value!r}.")
        if not owner_of(found).has_perm(self.permission):
            raise HttpError(403, "Your role here does not allow this.")
        return found


READ = Allowed(Scope.READ, "experiments.view_experiment")
WRITE = Allowed(Scope.WRITE, "experiments.add_experiment")
TRAIN = Allowed(Scope.TRAIN, "training.train")


def owner_of(token: Token) -> User:
    """The person whose token it is."""
    return token.user
