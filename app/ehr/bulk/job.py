"""One process's work on one export: from wherever it stands to complete, or to a sentence."""

from __future__ import annotations

from datetime import datetime

from app.ehr.bulk import disk, job_state
from app.ehr.bulk.config import ExportConfig
from app.ehr.bulk.crawl import Crawl
from app.ehr.bulk.exchange import CredentialsError, Exchange, ExchangeError
from app.ehr.bulk.files import Files
from app.ehr.bulk.hydrate import hydrate
from app.ehr.bulk.job_state import ExportState, Stage
from app.ehr.bulk.kick_off import KickOffError, Request, kick_off, kick_off_requests
from app.ehr.bulk.log import ExportLog
from app.ehr.bulk.manifest import Manifest, read_manifest
from app.ehr.bulk.poll import Poller, polite_wait
from app.ehr.bulk.results import ExportResult, StoppedError, Tools
from app.ehr.vendors import vendor_profile
from smart_launch.errors import SmartError

KICK_OFF_ATTEMPTS = 4
MAX_MANIFEST_PAGES = 10_000


class Job:
    """One process's work on one export."""

    def __init__(self, config: ExportConfig, state: ExportState, tools: Tools) -> None:
        self._config, self._state, self._tools = config, state, tools
        self._log = ExportLog(config.folder, state.export_id, tools.clock)
        headers = {**vendor_profile(config.vendor).headers(config.client_id), **config.headers}
        self._exchange = Exchange(tools.http, tools.tokens, config.own_origins, headers)
        self._files = Files(config, state, self._exchange, tools, self._log)

    async def go(self) -> ExportResult:
        """Work until the export is complete or cannot go on; never raises for what the EHR or the disk does."""
        state = self._state
        if state.stage is Stage.CANCELLED:
            return self._result("The export was cancelled; start a new one.")
        started = self._tools.clock()
        try:
            await (self._crawl() if self._config.crawl else self._export())
            if state.stage is not Stage.COMPLETE:
                await self._finish(started)
        except disk.DiskError as error:
            return self._result(str(error))
        except StoppedError as error:
            return self._stopped(str(error))
        except ExchangeError as error:
            return self._stopped(f"The EHR {error}.")
        except SmartError as error:
            return self._stopped(f"The EHR gave no access token ({error.safe_text})")
        return self._result(self._files.sentence())

    async def _export(self) -> None:
        state = self._state
        if state.stage is Stage.COMPLETE and not self._files.all_here():
            state.stage = Stage.DOWNLOADING
        if state.status_url is None:
            await self._kick_off()
        if state.stage is Stage.WAITING:
            await self._await_manifest()
        if state.stage is Stage.DOWNLOADING:
            await self._files.fetch_all(self._renewed_manifest)
            self._files.require_complete()
            self._files.apply_deletions()
            await hydrate(self._config, self._state, self._tools)

    async def _crawl(self) -> None:
        if self._state.stage is Stage.COMPLETE and not self._files.all_here():
            raise StoppedError("Files of this crawl are gone from the folder; start again in a new folder.")
        if self._state.stage is not Stage.COMPLETE:
            self._state.stage = Stage.CRAWLING
            await Crawl(self._config, self._state, self._tools, self._log).run()

    async def _kick_off(self) -> None:
        state = self._state
        if state.stage is Stage.ASKED:
            state.warnings.append("An earlier kick-off may have started an export that nobody follows.")
        requests = list(kick_off_requests(self._config))
        for attempt in range(KICK_OFF_ATTEMPTS):
            try:
                url = await self._ask(requests[0])
            except KickOffError as error:
                if error.other_method and len(requests) > 1:
                    del requests[0]
                    continue
                if not error.later or attempt == KICK_OFF_ATTEMPTS - 1:
                    raise
                self._tools.progress("The EHR takes no new export now; waiting.")
                await self._tools.sleep(
                    polite_wait(error.wait, self._tools.clock(), 5.0 * 2**attempt, self._config.poll_cap)
                )
                continue
            if not self._exchange.is_own(url):
                raise StoppedError(
                    "The EHR placed the export's status on another host, which may not see the access token; "
                    "list that host for this tenant if it belongs to the EHR."
                )
            state.status_url, state.stage = url, Stage.WAITING
            self._save()
            self._log_kick_off(requests[0], None)
            return

    async def _ask(self, request: Request) -> str:
        """Send one kick-off.  Saved as asked before, so that after a crash it is known that one may be running."""
        self._state.stage = Stage.ASKED
        self._save()
        try:
            return await kick_off(self._exchange, request)
        except (KickOffError, CredentialsError) as error:
            self._log_kick_off(request, str(error))
            if isinstance(error, CredentialsError) or not error.uncertain:
                self._state.stage = Stage.NEW
                self._save()
            raise

    def _log_kick_off(self, request: Request, problem: str | None) -> None:
        self._log.write(
            "kickoff",
            exportUrl=request.url.split("?")[0],
            requestParameters=request.shown,
            errorCode=None,
            errorBody=problem,
        )

    async def _await_manifest(self) -> None:
        state = self._state
        first = await self._manifest_at(state.status_url or "")
        pages = [first]
        seen = {state.status_url}
        while following := pages[-1].next:
            if following in seen or len(seen) > MAX_MANIFEST_PAGES:
                raise StoppedError("The pages of the export's manifest repeat themselves.")
            seen.add(following)
            pages.append(await self._manifest_at(following))
        state.transaction_time, state.requires_token = first.transaction_time, first.requires_token
        self._files.plan(pages)
        state.stage = Stage.DOWNLOADING
        self._save()
        self._log.write("status_complete", transactionTime=first.transaction_time)
        counts = {
            f"{section}FileCount": sum(file.section == section for file in state.files)
            for section in ("output", "deleted", "error")
        }
        self._log.write(
            "manifest_complete", transactionTime=first.transaction_time, totalManifests=len(pages), **counts
        )

    async def _manifest_at(self, url: str) -> Manifest:
        poller = Poller(
            self._exchange, self._config, self._tools.clock, self._tools.sleep, self._said, self._trouble
        )
        reply = await poller.manifest(url)
        page = read_manifest(reply.body, reply.url)
        if url not in self._state.manifest_urls:
            self._state.manifest_urls.append(url)
        number = self._state.manifest_urls.index(url)
        name = f"manifest-{number + 1}.json" if number else "manifest.json"
        disk.write_whole(self._config.folder / name, reply.body)
        self._log.write(
            "status_page_complete",
            transactionTime=page.transaction_time,
            outputFileCount=sum(file.section == "output" for file in page.files),
            deletedFileCount=sum(file.section == "deleted" for file in page.files),
            errorFileCount=sum(file.section == "error" for file in page.files),
        )
        return page

    async def _renewed_manifest(self) -> list[Manifest]:
        """The manifest again: its file addresses may have expired and been renewed."""
        pages = [await self._manifest_at(self._state.status_url or "")]
        while (following := pages[-1].next) and len(pages) <= len(self._state.manifest_urls):
            pages.append(await self._manifest_at(following))
        return pages

    def _said(self, text: str, retry_after: str | None) -> None:
        self._log.write("status_progress", xProgress=text, retryAfter=retry_after, body=None)
        self._tools.progress(f"The EHR prepares the export{f': {text}' if text else ''}.")

    def _trouble(self, error: ExchangeError) -> None:
        self._log.write("status_error", code=error.status, message=f"The EHR {error}.", body=None)

    async def _finish(self, started: datetime) -> None:
        state = self._state
        if self._config.delete_after and state.status_url and not await self._delete():
            state.warnings.append("The EHR was not told that its copy can go; it expires by itself.")
        disk.remove_parts(self._config.folder)
        state.stage, state.problem = Stage.COMPLETE, ""
        self._save()
        result = self._result("")
        self._log.write(
            "export_complete",
            files=result.files,
            resources=result.resources,
            bytes=result.bytes,
            attachments=0,
            duration=int((self._tools.clock() - started).total_seconds() * 1000),
        )

    async def _delete(self) -> bool:
        try:
            reply = await self._exchange.request(
                "DELETE", self._state.status_url or "", {"Accept": "application/json"}
            )
        except ExchangeError:
            return False
        return reply.status < 300 or reply.status in {404, 410}

    async def cancel(self) -> ExportResult:
        """Drop the export at the EHR."""
        state = self._state
        if state.stage is Stage.COMPLETE:
            return self._result("The export is complete; there is nothing to cancel.")
        if state.status_url and not await self._delete():
            return self._stopped("The EHR did not accept that the export is cancelled; try again.")
        state.stage, state.problem = Stage.CANCELLED, ""
        try:
            self._save()
        except disk.DiskError as error:
            return self._result(str(error))
        return self._result("The export is cancelled; files already here were left in place.")

    def _stopped(self, sentence: str) -> ExportResult:
        self._state.problem = sentence
        try:
            self._save()
        except disk.DiskError as error:
            return self._result(f"{sentence} {error}")
        return self._result(sentence)

    def _result(self, sentence: str) -> ExportResult:
        state = self._state
        done = [file for file in state.files if file.done]
        return ExportResult(
            state.stage,
            sentence,
            missing=self._files.missing(),
            warnings=tuple(state.warnings),
            files=len(done),
            resources=sum(file.resources for file in done if file.section == "output"),
            bytes=sum(file.size for file in done),
            transaction_time=state.transaction_time,
        )

    def _save(self) -> None:
        job_state.save(self._config.folder, self._state)
