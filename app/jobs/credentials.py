"""How a tenant's client proves itself at the EHR's token endpoint."""

from __future__ import annotations

from app.store.keys import SigningKeys
from app.store.tenants import AuthMethod, Tenant
from smart_launch.client_auth import (
    ClientAuth,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
    PublicClient,
)


def credentials_of(tenant: Tenant, keys: SigningKeys) -> ClientAuth:
    """The proof the tenant was registered with.  Raises LtotError LT-608 without a signing key."""
    secret = tenant.client_secret
    if tenant.auth_method is AuthMethod.PRIVATE_KEY_JWT:
        return PrivateKeyJwt(keys.active())
    if tenant.auth_method is AuthMethod.CLIENT_SECRET_BASIC and secret:
        return ClientSecretBasic(secret)
    if tenant.auth_method is AuthMethod.CLIENT_SECRET_POST and secret:
        return ClientSecretPost(secret)
    return PublicClient()
