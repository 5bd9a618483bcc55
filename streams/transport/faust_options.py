"""Faust's configuration, from ours."""

from typing import Any

from yarl import URL

from streams.broker.security import faust_credentials
from streams.settings import Settings


def faust_options(settings: Settings) -> dict[str, Any]:
    """The options of `faust.App`: group membership, assignment and web server; records are not Faust's concern."""
    return {
        "broker": [URL(f"rentmatch://{server.strip()}") for server in settings.broker.split(",")],
        "broker_credentials": faust_credentials(settings),
        "broker_session_timeout": settings.session_timeout_ms / 1_000,
        "broker_request_timeout": max(90.0, settings.session_timeout_ms / 1_000),
        # A member learns of a rebalance by its next heartbeat, and all others wait until the last one knows.
        "broker_heartbeat_interval": min(0.5, settings.session_timeout_ms / 4_000),
        "broker_max_poll_interval": 86_400.0,
        "autodiscover": False,
        "origin": "app",
        "store": "memory://",
        "datadir": settings.state_dir / "faust",
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "table_standby_replicas": settings.standby_replicas,
        "stream_wait_empty": True,
        "web_enabled": settings.http_port > 0,
        "web_host": settings.http_host,
        "web_port": settings.http_port or 6066,
        "web_bind": settings.http_host,
        "canonical_url": settings.advertised_url,
    }
