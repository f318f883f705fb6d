"""SMART endpoints: discovery, authorize, token, revoke, introspect."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from app.sandbox import pages
from app.sandbox.config import SandboxClient
from app.sandbox.grants import Code, Context, Grant, OAuthError
from app.sandbox.ids import resource_id
from app.sandbox.scopes import grant as grant_scopes
from app.sandbox.site import Site

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_S256 = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
ID_TOKEN_LIFETIME = 300


class AuthorizeRefusedError(Exception):
    """A request that may not be redirected: the client or its redirect URI is not to be trusted."""


@dataclass(frozen=True, slots=True)
class OAuthEndpoints:
    """The authorization server of one site."""

    site: Site

    def routes(self) -> list[Route]:
        """All routes, on the flavour's paths."""
        profile = self.site.profile
        issuer_path = urlsplit(self.site.issuer).path
        return [
            Route(profile.authorize_path, self.authorize, methods=["GET", "POST"]),
            Route(f"{profile.authorize_path}/choose", self.choose, methods=["POST"]),
            Route(profile.token_path, self.token, methods=["POST"]),
            Route(f"{profile.token_path}/revoke", self.revoke, methods=["POST"]),
            Route(f"{profile.token_path}/introspect", self.introspect, methods=["POST"]),
            Route("/jwks", self.jwks, methods=["GET"]),
            Route(f"{issuer_path}/.well-known/openid-configuration", self.openid, methods=["GET"]),
        ]

    async def authorize(self, request: Request) -> Response:
        """The authorization request; refused visibly, answered with an error, picked, or granted at once."""
        try:
            params = _single(await _parameters(request))
            client = self._trusted_client(params)
        except (AuthorizeRefusedError, OAuthError) as refusal:
            return pages.render("refused.html", status=400, reason=str(refusal))
        try:
            scopes = self._checked(params, client)
            if "launch" in params:
                context = self.site.grants.take_launch(params["launch"])
                return self._redirect_with_code(params, scopes, context)
        except OAuthError as refusal:
            return self._redirect(params, {"error": refusal.error, "error_description": refusal.description})
        if "launch/patient" in scopes:
            return pages.picker(self.site, params)
        user = params.get("login_hint", "clinician")
        if user not in self.site.users:
            return self._redirect(params, {"error": "access_denied", "error_description": "no such user"})
        return self._redirect_with_code(params, scopes, Context(user))

    async def choose(self, request: Request) -> Response:
        """The answer of the standalone patient picker; the original request is checked again."""
        form = _single(await _parameters(request))
        params = dict(parse_qsl(form.get("request", "")))
        try:
            client = self._trusted_client(params)
        except AuthorizeRefusedError as refusal:
            return pages.render("refused.html", status=400, reason=str(refusal))
        try:
            scopes = self._checked(params, client)
            context = self._chosen(form)
        except OAuthError as refusal:
            return self._redirect(params, {"error": refusal.error, "error_description": refusal.description})
        return self._redirect_with_code(params, scopes, context)

    def _chosen(self, form: Mapping[str, str]) -> Context:
        patient, user = form.get("patient", ""), form.get("user", "clinician")
        if not self.site.records.get("Patient", patient) or user not in self.site.users:
            raise OAuthError("access_denied", "no patient was chosen")
        return Context(user, patient)

    def _trusted_client(self, params: Mapping[str, str]) -> SandboxClient:
        client = self.site.clients.get(params.get("client_id", ""))
        if client is None or client.backend:
            raise AuthorizeRefusedError("client_id is not registered for launches")
        if params.get("redirect_uri") not in client.redirect_uris:
            raise AuthorizeRefusedError("redirect_uri is not, character for character, a registered one")
        return client

    def _checked(self, params: Mapping[str, str], client: SandboxClient) -> tuple[str, ...]:
        if params.get("response_type") != "code":
            raise OAuthError("unsupported_response_type", "response_type must be code")
        if not params.get("state"):
            raise OAuthError("invalid_request", "state is missing")
        if params.get("aud") != self.site.fhir_base:
            raise OAuthError("invalid_request", f"aud must be {self.site.fhir_base}")
        if params.get("code_challenge_method") != "S256":
            raise OAuthError("invalid_request", "code_challenge_method must be S256")
        if not _S256.fullmatch(params.get("code_challenge", "")):
            raise OAuthError("invalid_request", "code_challenge must be 43 base64url characters")
        scopes = grant_scopes(params.get("scope", ""), client, self.site.profile, self.site.withheld)
        if not scopes:
            raise OAuthError("invalid_scope", "none of the requested scopes can be granted")
        if ("launch" in params) != ("launch" in scopes):
            raise OAuthError("invalid_request", "the launch scope and the launch parameter go together")
        return scopes

    def _redirect_with_code(
        self, params: Mapping[str, str], scopes: tuple[str, ...], context: Context
    ) -> Response:
        code = Code(
            client_id=params["client_id"],
            redirect_uri=params["redirect_uri"],
            challenge=params["code_challenge"],
            scopes=scopes,
            context=context,
            nonce=params.get("nonce"),
            expires=0.0,
        )
        return self._redirect(params, {"code": self.site.grants.new_code(code)})

    def _redirect(self, params: Mapping[str, str], answer: Mapping[str, str]) -> Response:
        query = {**answer, "iss": self.site.issuer}
        if params.get("state"):
            query["state"] = params["state"]
        separator = "&" if urlsplit(params["redirect_uri"]).query else "?"
        url = f"{params['redirect_uri']}{separator}{urlencode(query)}"
        return RedirectResponse(url, status_code=302, headers={**_NO_STORE, "Referrer-Policy": "no-referrer"})

    async def token(self, request: Request) -> Response:
        """Code, refresh and client-credentials exchanges."""
        try:
            form = _single(await _form(request))
            client = await self.site.authenticator.authenticate(request.headers.get("authorization"), form)
            answer = self._exchange(client, form)
        except OAuthError as refusal:
            return self._refuse(refusal)
        return JSONResponse(answer, headers=_NO_STORE)

    def _exchange(self, client: SandboxClient, form: Mapping[str, str]) -> dict[str, Any]:
        exchanges = {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh,
            "client_credentials": self._by_credentials,
        }
        exchange = exchanges.get(form.get("grant_type", ""))
        if exchange is None:
            raise OAuthError("unsupported_grant_type", f"grant_type must be one of {', '.join(exchanges)}")
        return exchange(client, form)

    def _refuse(self, refusal: OAuthError) -> Response:
        body = {"error": refusal.error, "error_description": refusal.description}
        if self.site.profile.flavour == "oracle":
            tail = "empty-scopes" if refusal.error == "invalid_scope" else refusal.error
            body["error_uri"] = f"{self.site.issuer}/errors/urn:sandbox:oauth2:token:{tail}"
        headers = dict(_NO_STORE)
        if refusal.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="sandbox"'
        return JSONResponse(body, status_code=refusal.status, headers=headers)

    def _by_code(self, client: SandboxClient, form: Mapping[str, str]) -> dict[str, Any]:
        if client.backend:
            raise OAuthError("unauthorized_client", "this client may only use client_credentials")
        verifier = form.get("code_verifier", "")
        if not _VERIFIER.fullmatch(verifier):
            raise OAuthError("invalid_request", "code_verifier must be 43 to 128 unreserved characters")
        grant = self.site.grants.redeem(
            form.get("code", ""),
            client_id=client.client_id,
            redirect_uri=form.get("redirect_uri", ""),
            verifier=verifier,
        )
        answer = self._answer(grant, grant.scopes)
        if {"offline_access", "online_access"} & set(grant.scopes):
            answer["refresh_token"] = self.site.grants.new_refresh(grant)
        if "openid" in grant.scopes:
            answer["id_token"] = self._id_token(grant)
        return answer

    def _by_refresh(self, client: SandboxClient, form: Mapping[str, str]) -> dict[str, Any]:
        grant, replacement = self.site.grants.use_refresh(form.get("refresh_token", ""), client.client_id)
        scopes = tuple(form["scope"].split()) if form.get("scope") else grant.scopes
        if not set(scopes) <= set(grant.scopes):
            raise OAuthError("invalid_scope", "a refresh may not widen the granted scopes")
        answer = self._answer(grant, scopes)
        if replacement:
            answer["refresh_token"] = replacement
        return answer

    def _by_credentials(self, client: SandboxClient, form: Mapping[str, str]) -> dict[str, Any]:
        if not client.backend:
            raise OAuthError("unauthorized_client", "this client is not registered for backend services")
        scopes = grant_scopes(form.get("scope", ""), client, self.site.profile, self.site.withheld)
        resource_scopes = tuple(text for text in scopes if text.startswith("system/"))
        if not resource_scopes:
            raise OAuthError("invalid_scope", "none of the requested scopes can be granted")
        return self._answer(Grant(client.client_id, resource_scopes, Context("")), resource_scopes)

    def _answer(self, grant: Grant, scopes: tuple[str, ...]) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "access_token": self.site.grants.new_access(grant, scopes),
            "token_type": "Bearer",
            "expires_in": self.site.grants.token_lifetime,
            "scope": " ".join(scopes),
        }
        if not {"launch", "launch/patient"} & set(grant.scopes):
            return answer
        flavour = self.site.profile.flavour
        answer["need_patient_banner"] = "true" if flavour == "epic" else True
        answer["smart_style_url"] = f"{self.site.base_url}/smart-style.json"
        if grant.context.patient:
            answer["patient"] = grant.context.patient
        if grant.context.encounter:
            answer["encounter"] = grant.context.encounter
        if flavour == "oracle":
            answer["tenant"] = self.site.fhir_path.strip("/")
            answer["username"] = grant.context.user
        return answer

    def _id_token(self, grant: Grant) -> str:
        now = int(self.site.clock())
        practitioner = resource_id(self.site.profile.flavour, "Practitioner", grant.context.user)
        claims: dict[str, Any] = {
            "iss": self.site.issuer,
            "sub": practitioner,
            "aud": grant.client_id,
            "iat": now,
            "exp": now + ID_TOKEN_LIFETIME,
        }
        if "fhirUser" in grant.scopes:
            claims["fhirUser"] = f"{self.site.fhir_base}/Practitioner/{practitioner}"
        if "profile" in grant.scopes:
            claims["preferred_username"] = grant.context.user
        if grant.nonce is not None:
            claims["nonce"] = grant.nonce
        header = {"alg": "RS256", "typ": "JWT", "kid": self.site.signing_key.kid}
        return jwt.encode(header, claims, self.site.signing_key, algorithms=["RS256"])

    async def revoke(self, request: Request) -> Response:
        """RFC 7009; 200 for unknown tokens too."""
        try:
            form = _single(await _form(request))
            client = await self.site.authenticator.authenticate(request.headers.get("authorization"), form)
        except OAuthError as refusal:
            return self._refuse(refusal)
        self.site.grants.revoke_token(form.get("token", ""), client.client_id)
        return Response(status_code=200, headers=_NO_STORE)

    async def introspect(self, request: Request) -> Response:
        """RFC 7662, for the client itself: by its bearer token or by client authentication."""
        try:
            form = _single(await _form(request))
            client_id = await self._introspecting(request, form)
        except OAuthError as refusal:
            return self._refuse(refusal)
        found = self.site.grants.access(form.get("token", ""))
        if found is None or found.grant.client_id != client_id:
            return JSONResponse({"active": False}, headers=_NO_STORE)
        answer = {
            "active": True,
            "scope": " ".join(found.scopes),
            "client_id": client_id,
            "exp": int(found.expires),
            "iss": self.site.issuer,
        }
        if found.grant.context.patient:
            answer["patient"] = found.grant.context.patient
        return JSONResponse(answer, headers=_NO_STORE)

    async def _introspecting(self, request: Request, form: Mapping[str, str]) -> str:
        authorization = request.headers.get("authorization", "")
        if not authorization.lower().startswith("bearer "):
            return (await self.site.authenticator.authenticate(authorization or None, form)).client_id
        caller = self.site.grants.access(authorization[7:])
        if caller is None:
            raise OAuthError("invalid_token", "access token is not valid", 401)
        return caller.grant.client_id

    async def jwks(self, request: Request) -> Response:  # noqa: ARG002
        """Public keys of the id_token signature."""
        key = self.site.signing_key.as_dict(private=False)
        return JSONResponse({"keys": [key]}, headers={"Cache-Control": "max-age=300"})

    async def openid(self, request: Request) -> Response:  # noqa: ARG002
        """OpenID Connect discovery."""
        return JSONResponse(
            {
                "issuer": self.site.issuer,
                "authorization_endpoint": self.site.authorize_url,
                "token_endpoint": self.site.token_url,
                "jwks_uri": f"{self.site.base_url}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid", "fhirUser", "profile"],
            }
        )


async def _parameters(request: Request) -> list[tuple[str, str]]:
    return list(request.query_params.multi_items()) if request.method == "GET" else await _form(request)


async def _form(request: Request) -> list[tuple[str, str]]:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "the body must be application/x-www-form-urlencoded")
    return parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)


def _single(pairs: list[tuple[str, str]]) -> dict[str, str]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise OAuthError("invalid_request", "a parameter appears more than once")
    return {name: value for name, value in pairs if value}
