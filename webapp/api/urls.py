from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, re_path

from webapp.api.api import api, in_one_shape, unknown

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [*api.urls[0], re_path("^(?P<rest>.*)$", unknown)]

# A token signs in, not a session: each route says itself what it needs. The document and its page
# show no data.
for pattern in urlpatterns:
    if isinstance(pattern, URLPattern):
        pattern.callback = login_not_required(in_one_shape(pattern.callback))
