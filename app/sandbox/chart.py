"""The pages a person sees: patient list, the chart with the embedded panel, and the demo controls."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from app.sandbox import pages
from app.sandbox.config import Resource, SandboxUser
from app.sandbox.faults import fault_from
from app.sandbox.records import reference_id
from app.sandbox.site import Site

_LOOPBACK = frozenset({"127.0.0.1", "::1", "testclient", "localhost"})


@dataclass(frozen=True, slots=True)
class ChartPages:
    """Chart pages and demo endpoints of one site."""

    site: Site

    def routes(self) -> list[Route]:
        """All routes of the EHR's own pages."""
        return [
            Route("/", self.patients, methods=["GET"]),
            Route("/chart/{patient}", self.chart, methods=["GET"]),
            Route("/population", self.population, methods=["GET"]),
            Route("/sandbox.css", self.stylesheet, methods=["GET"]),
            Route("/smart-style.json", self.style, methods=["GET"]),
            Route("/patients.json", self.patient_list, methods=["GET"]),
            Route("/data-problems.json", self.problems, methods=["GET"]),
            Route("/launches", self.launch, methods=["POST"]),
            Route("/faults", self.list_faults, methods=["GET"]),
            Route("/faults", self.add_fault, methods=["POST"]),
            Route("/faults", self.clear_faults, methods=["DELETE"]),
        ]

    def launch_url(self, patient: str | None, user: str, *, start: str | None = None) -> str:
        """A launch address with a fresh launch value."""
        query = {"iss": self.site.fhir_base, "launch": self.site.new_launch(patient, user)}
        address = start or self.site.panel_launch_url
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"

    async def patients(self, request: Request) -> Response:
        """The patient list."""
        return pages.render(
            "patients.html",
            cards=self.site.cards,
            user=self._user(request),
            users=list(self.site.users.values()),
            flavour=self.site.profile.flavour,
            population=self.site.population_launch_url is not None,
            problems=len(self.site.data_problems),
        )

    async def chart(self, request: Request) -> Response:
        """One chart; every load starts a fresh launch in the frame."""
        patient = self.site.records.get("Patient", request.path_params["patient"])
        if patient is None:
            return pages.render("refused.html", status=404, reason="There is no such patient in this EHR.")
        user = self._user(request)
        return pages.render(
            "chart.html",
            csp={"frame-src": self._frame_sources()},
            name=human_name(patient),
            patient=patient,
            user=user,
            orders=[self._order_line(order) for order in self._active(patient["id"])],
            problems=[
                _text(condition, "code") for condition in self.site.records.of("Condition", patient["id"])
            ],
            frame=self.launch_url(patient["id"], user.key),
        )

    async def population(self, request: Request) -> Response:
        """The population view, launched without a patient."""
        start = self.site.population_launch_url
        if start is None:
            return pages.render("refused.html", status=404, reason="No population view is registered here.")
        user = self._user(request)
        return pages.render(
            "population.html",
            csp={"frame-src": self._frame_sources()},
            user=user,
            frame=self.launch_url(None, user.key, start=start),
        )

    def _frame_sources(self) -> str:
        urls = [self.site.panel_launch_url, self.site.base_url, self.site.population_launch_url or ""]
        return " ".join(dict.fromkeys(pages.origin(url) for url in urls if url))

    def _user(self, request: Request) -> SandboxUser:
        users = self.site.users
        return users.get(request.query_params.get("user", ""), next(iter(users.values())))

    def _active(self, patient: str) -> list[Resource]:
        orders = self.site.records.of("MedicationRequest", patient)
        return [order for order in orders if order.get("status") == "active"]

    def _order_line(self, order: Resource) -> dict[str, str]:
        reference = order.get("medicationReference", {})
        medication = self.site.records.get(
            "Medication", reference_id(reference.get("reference", ""), "Medication") or ""
        )
        drug = reference.get("display") or _text(order, "medicationCodeableConcept")
        sigs = [item.get("text", "") for item in order.get("dosageInstruction", [])]
        return {
            "drug": drug or (_text(medication, "code") if medication else "Unnamed medication"),
            "sig": "; ".join(sig for sig in sigs if sig) or "No directions recorded",
            "ordered": str(order.get("authoredOn", ""))[:10],
        }

    async def stylesheet(self, request: Request) -> Response:  # noqa: ARG002
        """The stylesheet."""
        return FileResponse(pages.TEMPLATES / "sandbox.css", media_type="text/css")

    async def style(self, request: Request) -> Response:  # noqa: ARG002
        """SMART style values (`smart_style_url`)."""
        return JSONResponse(
            {
                "color_background": "#edeae3",
                "color_error": "#9e2d2d",
                "color_highlight": "#69b5ce",
                "color_modal_backdrop": "",
                "color_success": "#498e49",
                "color_text": "#303030",
                "dim_border_radius": "6px",
                "dim_font_size": "13px",
                "dim_spacing_size": "20px",
                "font_family_body": "Georgia, Times, 'Times New Roman', serif",
                "font_family_heading": "'HelveticaNeue-Light', Helvetica, Arial, sans-serif",
            },
            headers={"Access-Control-Allow-Origin": "*"},
        )

    async def patient_list(self, request: Request) -> Response:  # noqa: ARG002
        """The patients and what each shows, for checks."""
        cards = [{"id": card.id, "name": card.name, "shows": card.shows} for card in self.site.cards]
        return JSONResponse(cards)

    async def problems(self, request: Request) -> Response:  # noqa: ARG002
        """What could not be read from the data folder."""
        return JSONResponse(list(self.site.data_problems))

    async def launch(self, request: Request) -> Response:
        """Start a launch without a browser: `{"patient", "user"}` in, `{"iss", "launch", "url"}` out."""
        members = await _object(request)
        patient, user = members.get("patient"), members.get("user", "clinician")
        if refusal := _not_local(request):
            return refusal
        if user not in self.site.users or (patient and not self.site.records.get("Patient", str(patient))):
            return JSONResponse({"error": "unknown patient or user"}, 404)
        launch = self.site.new_launch(patient, user)
        query = urlencode({"iss": self.site.fhir_base, "launch": launch})
        url = f"{self.site.panel_launch_url}{'&' if '?' in self.site.panel_launch_url else '?'}{query}"
        return JSONResponse({"iss": self.site.fhir_base, "launch": launch, "url": url}, 201)

    async def list_faults(self, request: Request) -> Response:  # noqa: ARG002
        """The faults in force."""
        return JSONResponse(self.site.faults.listing())

    async def add_fault(self, request: Request) -> Response:
        """Put a fault in force."""
        if refusal := _not_local(request):
            return refusal
        try:
            self.site.faults.add(fault_from(await _object(request)))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(self.site.faults.listing(), 201)

    async def clear_faults(self, request: Request) -> Response:
        """End all faults."""
        if refusal := _not_local(request):
            return refusal
        self.site.faults.clear()
        return Response(status_code=204)


def human_name(patient: Resource) -> str:
    """Family, given, as a chart header writes it."""
    name = next(iter(patient.get("name", [])), {})
    given = " ".join(name.get("given", []))
    return ", ".join(part for part in (name.get("family", ""), given) if part) or name.get("text", "Unnamed")


def _text(resource: Resource, element: str) -> str:
    concept = resource.get(element) or {}
    codings = concept.get("coding") or [{}]
    return concept.get("text") or codings[0].get("display") or codings[0].get("code") or "No text"


async def _object(request: Request) -> dict[str, Any]:
    try:
        members = await request.json()
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def _not_local(request: Request) -> Response | None:
    if request.client is not None and request.client.host in _LOOPBACK:
        return None
    return JSONResponse({"error": "controls answer this machine only"}, 403)
