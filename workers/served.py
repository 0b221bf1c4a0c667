"""Whether the reflector's server really holds the adapter that an experiment names."""

from retro_core.errors import InvalidInput
from retro_core.llm.tgi import Generation, TgiClient
from webapp.adapters.models import Adapter
from webapp.adapters.services import server
from webapp.adapters.services.evaluating import check_served
from webapp.adapters.services.promoting import probe_prompts

UNKNOWN = (
    "No adapter named {!r}: neither the registry nor the model server knows it. Clone this"
    " experiment and name one that is served, or none."
)


def check_adapter(client: TgiClient, name: str) -> None:
    """Refuse to play where the base model would write the reflections in the adapter's name.

    A server that reads adapters at its start does so without a word for one that it lacks. An
    adapter that was put on the server by hand is not in the registry, and counts by its name.

    Raises InvalidInput; EndpointUnavailable and EndpointRefused as the client does.
    """
    client.generate("?", Generation(max_tokens=1), seed=0)  # waits for one that is being restarted
    known = Adapter.objects.filter(name=name).first()
    held = server.held_adapters(server.LOAD_SECONDS)
    if known is not None:
        if held is None or held.get(name) != known.weights_sha256:
            check_served(known)
    elif held is None:
        unregistered = Adapter(name=name)
        server.probe(unregistered, probe_prompts(unregistered), server.ENDPOINT)
    elif name not in held:
        raise InvalidInput(UNKNOWN.format(name))
