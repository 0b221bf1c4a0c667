"""GET /metrics: the engine's counters in Prometheus' text format."""

from collections.abc import Iterable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from retro_core.serving.service import LmService


class EngineCollector(Collector):
    """Reads the counters at the moment of asking."""

    def __init__(self, service: LmService) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        """Name every figure."""
        engine, cache = self._service.engine, self._service.engine.cache
        counters = {
            "lm_prompt_tokens": ("Prompt tokens computed", engine.prompt_tokens),
            "lm_generated_tokens": ("Tokens generated and choices made", engine.generated_tokens),
            "lm_cache_hit_tokens": ("Prompt tokens taken from the cache", cache.hit_tokens),
            "lm_cache_lookup_tokens": ("Prompt tokens looked up", cache.looked_up_tokens),
        }
        gauges = {
            "lm_queue_size": ("Requests waiting", len(engine.waiting)),
            "lm_batch_size": ("Requests being computed", engine.active_requests),
            "lm_cache_bytes": ("Memory of the prefix cache", cache.bytes),
            "lm_adapters": ("Adapters loaded", len(self._service.adapters.all())),
        }
        for name, (text, value) in counters.items():
            yield CounterMetricFamily(name, text, value)
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(name, text, value)


async def metrics(request: Request) -> Response:
    """All figures."""
    registry = CollectorRegistry()
    registry.register(EngineCollector(request.app.state.service))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
