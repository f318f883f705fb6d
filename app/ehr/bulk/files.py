"""The files of a manifest: planned under our own names, fetched side by side, each failing alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from app.ehr.bulk import job_state
from app.ehr.bulk.config import ExportConfig
from app.ehr.bulk.download import download, is_whole_on_disk
from app.ehr.bulk.exchange import CredentialsError, Exchange, ExchangeError
from app.ehr.bulk.job_state import ExportState, FileState
from app.ehr.bulk.lines import BadContentError
from app.ehr.bulk.log import ExportLog, without_query
from app.ehr.bulk.manifest import ListedFile, Manifest
from app.ehr.bulk.poll import polite_wait
from app.ehr.bulk.results import StoppedError, Tools
from app.ehr.bulk.sections import drop_deleted, read_deletions, read_errors

_EXPIRED = frozenset({403, 404, 410})
_NAMED = 5
_ANEW = "its address was renewed"


class IncompleteError(StoppedError):
    """Not everything the export promised is here; the message is a sentence naming what is missing."""


class Files:
    """All files of one export."""

    def __init__(
        self,
        config: ExportConfig,
        state: ExportState,
        exchange: Exchange,
        tools: Tools,
        log: ExportLog,
    ) -> None:
        self._config, self._state, self._exchange, self._log = config, state, exchange, log
        self._sleep, self._clock, self._progress = tools.sleep, tools.clock, tools.progress

    def plan(self, pages: Sequence[Manifest]) -> None:
        """List the files of all pages under names of our own; a file listed twice is fetched once."""
        state = self._state
        numbers: Counter[str] = Counter()
        known: dict[str, FileState] = {}
        for listed in (file for page in pages for file in page.files):
            counts = [] if listed.count is None else [listed.count]
            if listed.url in known:
                known[listed.url].counts += counts
                state.warnings.append(f"The manifest lists {known[listed.url].name} twice.")
                continue
            name = _name(listed, numbers)
            file = FileState(name, listed.section, listed.url, listed.kind, counts, listed.organised)
            known[listed.url] = file
        state.files = list(known.values())
        if not any(file.section == "output" for file in state.files):
            state.warnings.append("The export holds no resource at all.")
        if state.transaction_time is None:
            state.warnings.append(
                "The manifest has no transaction time, so the next export cannot build on this one."
            )

    async def fetch_all(self, renewed: Callable[[], Awaitable[Sequence[Manifest]]]) -> None:
        """Fetch what is not here yet; once more with fresh addresses where they had expired."""
        left = [file for file in self._state.files if not self._is_here(file)]
        if any(not file.url for file in left):
            # Drugs we read ourselves: they are read again.
            self._state.files = [file for file in self._state.files if file.url or file.done]
            self._state.hydrated = False
        await self._fetch([file for file in left if file.url])
        expired = [file for file in self._state.files if not file.done and file.problem.startswith("expired")]
        if expired:
            self._readdress(await renewed())
            await self._fetch(
                [*expired, *(file for file in self._state.files if file.url and file.problem == _ANEW)]
            )

    def all_here(self) -> bool:
        """Whether every file that was verified is still in the folder."""
        here = [self._is_here(file) for file in self._state.files]
        return all(here)

    def _is_here(self, file: FileState) -> bool:
        path = self._config.folder / file.name
        if file.done and path.is_file() and path.stat().st_size == file.size:
            return True
        file.done = not file.done and is_whole_on_disk(file, self._config.folder)
        return file.done

    def _readdress(self, pages: Sequence[Manifest]) -> None:
        """New addresses, when the manifest is still of the same moment and lists as many files of each kind.

        Which is which of several files of a kind cannot be told unless their paths are the same: then all of them
        are fetched anew, so that none is taken twice and none left out.
        """
        files = [file for file in self._state.files if file.url]
        listed = list({file.url: file for page in pages for file in page.files}.values())
        kinds = Counter((file.section, file.kind) for file in files)
        moved = pages[0].transaction_time != self._state.transaction_time
        if moved or kinds != Counter((file.section, file.kind) for file in listed):
            return
        for kind, count in kinds.items():
            known = [file for file in files if (file.section, file.kind) == kind]
            fresh = [file for file in listed if (file.section, file.kind) == kind]
            paths = [urlsplit(one.url).path for one in known]
            alike = len({*paths}) == count and paths == [urlsplit(one.url).path for one in fresh]
            for file, found in zip(known, fresh, strict=True):
                file.url, file.counts = found.url, [] if found.count is None else [found.count]
                if file.done and count > 1 and not alike:
                    (self._config.folder / file.name).unlink(missing_ok=True)
                    file.done, file.problem = False, _ANEW
        self._save()

    async def _fetch(self, files: Sequence[FileState]) -> None:
        slots = asyncio.Semaphore(self._config.parallel)

        async def one(file: FileState) -> None:
            async with slots:
                await self._one(file)

        tasks = [asyncio.ensure_future(one(file)) for file in files]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, file: FileState) -> None:
        for attempt in range(self._config.file_attempts):
            self._log.write(
                "download_request",
                fileUrl=without_query(file.url),
                itemType=file.section,
                resourceType=file.kind,
            )
            try:
                await download(self._exchange, file, self._config.folder, token=self._needs_token(file))
            except BadContentError as error:
                self._failed(file, str(error), 200)
                # What the server made wrong it may have made wrong once only, in sending.
                passing, retry_after = attempt == 0, None
            except ExchangeError as error:
                expired = "expired: " if error.status in _EXPIRED else ""
                self._failed(file, f"{expired}the EHR {error}", error.status)
                if isinstance(error, CredentialsError):
                    raise
                passing, retry_after = error.passing, error.retry_after
            else:
                self._done(file)
                return
            if not passing or attempt == self._config.file_attempts - 1:
                return
            await self._sleep(
                polite_wait(retry_after, self._clock(), float(2**attempt), self._config.poll_cap)
            )

    def _needs_token(self, file: FileState) -> bool:
        """As the manifest says; where it says nothing, wherever the token may go."""
        required = self._state.requires_token
        return self._exchange.is_own(file.url) if required is None else required

    def _done(self, file: FileState) -> None:
        file.done, file.problem = True, ""
        self._save()
        self._log.write(
            "download_complete",
            fileUrl=without_query(file.url),
            resourceCount=file.resources,
            fileSize=file.size,
        )
        here = sum(each.done for each in self._state.files)
        self._progress(f"{here} of {len(self._state.files)} files are here.")

    def _failed(self, file: FileState, problem: str, status: int) -> None:
        file.problem = problem
        self._save()
        self._log.write(
            "download_error", fileUrl=without_query(file.url), code=status, message=f"{file.name}: {problem}."
        )

    def apply_deletions(self) -> None:
        """Take out what the export itself says is deleted, and note how many resources of each type are.

        Raises IncompleteError when that cannot be read.
        """
        state, folder = self._state, self._config.folder
        try:
            deleted = read_deletions(folder / f.name for f in state.files if f.section == "deleted")
        except msgspec.ValidationError:
            raise IncompleteError("What the EHR lists as deleted cannot be read.") from None
        state.deleted = {kind: len(ids) for kind, ids in sorted(deleted.items())}
        outputs = [file for file in state.files if file.section == "output"]
        if deleted and drop_deleted(folder, outputs, deleted):
            state.warnings.append(
                "The export held resources that it also lists as deleted; they were taken out."
            )
        self._save()

    def require_complete(self) -> None:
        """Raises IncompleteError unless every file is here and the EHR reported no error."""
        state, folder = self._state, self._config.folder
        missing = self.missing()
        reported = read_errors(folder / f.name for f in state.files if f.section == "error" and f.done)
        state.reported_errors = reported.errors
        state.warnings = list(dict.fromkeys([*state.warnings, *reported.remarks]))
        if missing:
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            raise IncompleteError(
                f"{len(missing)} of {len(state.files)} files are missing: {'; '.join(missing[:_NAMED])}{more}."
            )
        if reported.errors:
            said = "; ".join(reported.remarks)
            raise IncompleteError(
                f"The EHR could not export everything: {reported.errors} of its reports are errors ({said}); "
                "they are in the folder error."
            )

    def missing(self) -> tuple[str, ...]:
        """Each file that is not here, with the reason."""
        return tuple(
            f"{file.name} ({file.problem or 'not fetched yet'})"
            for file in self._state.files
            if not file.done
        )

    def sentence(self) -> str:
        """What is here, when everything is."""
        outputs = [file for file in self._state.files if file.section == "output"]
        resources = sum(file.resources for file in outputs)
        if not resources:
            return "The export is complete, and it holds no resource at all."
        return f"All {len(outputs)} files with {resources} resources are here and verified."

    def _save(self) -> None:
        job_state.save(self._config.folder, self._state)


def _name(listed: ListedFile, numbers: Counter[str]) -> str:
    """Our own name: nothing of the address gets into a path."""
    kind = listed.kind if listed.kind and listed.kind.isalpha() else "Resources"
    folder = "" if listed.section == "output" else f"{listed.section}/"
    key = f"{folder}{kind}"
    numbers[key] += 1
    return f"{key}.{numbers[key]:03}.ndjson"
