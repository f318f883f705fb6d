"""Deletions: what an EHR says exists no more, and of which resources in the inputs it says so."""

from __future__ import annotations

import msgspec

from app.population.rows import Row, SetAside, seconds


class Deletion(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One export's word that a resource is gone.  server: its EHR, empty where that is not known."""

    export: str
    server: str
    moment: float


class Deletions(msgspec.Struct):
    """by_ref: what was said of each resource.  homes: the export and the EHR of each file."""

    by_ref: dict[str, list[Deletion]] = {}
    homes: dict[str, tuple[str, str]] = {}

    def include(self, row: Row | SetAside) -> bool:
        """Whether the row's own export, or a later one of its EHR, says that it or its whole patient is gone."""
        if not self.by_ref:
            return False
        said = (
            *self.by_ref.get(f"{row.kind}/{row.id}", ()),
            *self.by_ref.get(f"Patient/{row.patient}", ()),
        )
        return any(self._concerns(one, row) for one in said)

    def _concerns(self, said: Deletion, row: Row | SetAside) -> bool:
        export, server = self.homes.get(row.file, (row.file, ""))
        if said.export == export:
            return True
        if said.server and server and said.server != server:
            return False
        if said.moment and row.moment:
            return said.moment >= row.moment
        # Of an export of unknown time only what was last changed before the other's deletions were listed is gone.
        return isinstance(row, Row) and 0 < seconds(row.version[0]) <= said.moment
