"""The HTTP API of analytics."""

from src.domains.analytics.routers import dashboards, exports, feedback

routers = (dashboards.router, feedback.router, exports.router)
