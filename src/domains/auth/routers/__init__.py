"""The HTTP API of auth."""

from src.domains.auth.routers import accounts, administration, api_keys, audit

routers = (accounts.router, api_keys.router, administration.router, audit.router)
