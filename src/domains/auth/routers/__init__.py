"""The HTTP API of auth."""

from src.domains.auth.routers import accounts, administration, api_keys, audit, invitations, openid, sign_ins

routers = (
    accounts.router,
    sign_ins.router,
    openid.router,
    api_keys.router,
    invitations.router,
    administration.router,
    audit.router,
)
