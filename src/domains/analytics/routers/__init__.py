"""The HTTP API of analytics."""

from src.domains.analytics.routers import dashboards

routers = (dashboards.router,)
