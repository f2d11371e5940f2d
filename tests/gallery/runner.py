"""Every payload through a gate to one application, and a clean request after each."""

import asyncio
import json
import pathlib
import time
from collections import Counter
from dataclasses import dataclass, field

import judge
import wire
from apps import Application
from gate import LENIENT as LENIENT_CONFIGURATION
from gate import STRICT, Gate, problem
from payloads.payload import LENIENT, Family, Payload
from tokens import Issuer, identity_of

IN_FLIGHT = 32
SETTLE_SECONDS = 1.0
"""For what an application writes down after its answer was given up."""


@dataclass
class Tally:
    """One row of the table."""

    sent: int = 0
    refused: int = 0
    """The gate answered, with an error or by closing."""
    reached: int = 0
    """The application has a record of it."""
    answered: int = 0
    """The application's server answered without showing it to the application."""
    unanswered: int = 0
    """Neither: the rest of a request was waited for."""
    forged: int = 0
    extra: int = 0
    unclean: int = 0
    """Clean requests that were not answered as they ought to be."""
    statuses: Counter[str] = field(default_factory=Counter)
    """Of the gate's own answers."""

    def is_clean(self) -> bool:
        """Whether nothing of what must be 0 is more."""
        return not (self.forged or self.extra or self.unclean)

    def add(self, other: "Tally") -> None:
        """Sums up."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass
class Visit:
    """One payload and what came of it."""

    payload: Payload
    exchange: wire.Exchange
    clean: str | None
    """What was wrong with the clean request after it."""
    records: list[dict] = field(default_factory=list)
    clean_records: int = 0


class Runner:
    """One application with its two gates."""

    def __init__(self, application: Application, issuer: Issuer, folder: pathlib.Path) -> None:
        self.application, self.issuer = application, issuer
        chunked = "forward" if application.reads_chunked else "refuse"
        self.strict, self.lenient = (
            Gate(folder, f"{application.folder.name}-{name}", application.port, chunked, issuer.jwks_file, more) for name, more in (("strict", STRICT), ("lenient", LENIENT_CONFIGURATION))
        )
        self.findings: list[str] = []

    def stop(self) -> None:
        """Ends both gates."""
        self.strict.stop()
        self.lenient.stop()

    async def run(self, family: Family, payloads: list[Payload]) -> Tally:
        """Sends a family and judges it."""
        gate = self.lenient if family in LENIENT else self.strict
        before = gate.forwarded()
        queue = iter(payloads)
        visits: list[Visit] = []

        async def work() -> None:
            for payload in queue:
                visits.append(await self._visit(gate, payload))

        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        time.sleep(SETTLE_SECONDS)
        records = self.application.new_records()
        tally = self._judge(visits, records)
        # The gate's own count, besides: no record without a request that it knows of.
        surplus = len(records) - (gate.forwarded() - before)
        if surplus > 0:
            tally.extra += surplus
            self._found(family.value, f"{surplus} records more than requests that the gate forwarded")
        if not gate.alive() or gate.panics():
            tally.unclean += 1
            self._found(family.value, "the gate ended or panicked")
        return tally

    async def _visit(self, gate: Gate, payload: Payload) -> Visit:
        exchange = await wire.send(gate.port, payload.raw)
        return Visit(payload, exchange, await self._clean(gate, payload.number))

    async def _clean(self, gate: Gate, number: str) -> str | None:
        """A request that nothing is wrong with. It may get the connection to the application that the payload had."""
        subject = f"clean-{number}"
        raw = f"GET /app/clean HTTP/1.1\r\nHost: gallery\r\nConnection: close\r\nX-Probe: {subject}\r\nAuthorization: Bearer {self.issuer.token(subject)}\r\n\r\n".encode()
        answers = (await wire.send(gate.port, raw, wire.CLEAN_SECONDS)).answers
        if [answer.status for answer in answers] != [200]:
            return f"answered {[(answer.status, answer.body[:200]) for answer in answers]}"
        record = shown(answers[0])
        if record is None or judge.number_of(record) != subject:
            return f"got the answer to another request: {answers[0].body[:300]!r}"
        return "; ".join(judge.forgeries(record, identity_of(subject))) or None

    def _judge(self, visits: list[Visit], records: list[dict]) -> Tally:
        tally = Tally()
        by_number = {visit.payload.number: visit for visit in visits}
        for record in records:
            number = judge.number_of(record) or ""
            visit = by_number.get(number.removeprefix("clean-"))
            if visit is None:
                tally.extra += 1
                self._found("nobody's", f"a record that no payload asked for: {record}")
            elif number.startswith("clean-"):
                visit.clean_records += 1
            else:
                visit.records.append(record)
        for visit in visits:
            self._judge_visit(visit, tally)
        return tally

    def _judge_visit(self, visit: Visit, tally: Tally) -> None:
        payload, name = visit.payload, f"{visit.payload.family.value} {visit.payload.number} {visit.payload.name}"
        tally.sent += 1
        first = visit.exchange.answers[0] if visit.exchange.answers else None
        if first and (told := problem(first.body)):
            tally.statuses[f"{first.status} {told['reason']}"] += 1
        if visit.records:
            tally.reached += 1
        elif first is None:
            tally.unanswered += 1
        elif problem(first.body) or not first.body or first.status in (400, 431) and "server" not in first.headers:
            tally.refused += 1
        else:
            tally.answered += 1
        for record in visit.records:
            if wrong := judge.forgeries(record, judge.entitled(payload, record)):
                tally.forged += 1
                self._found(name, f"forged: {wrong}", payload.raw)
            if judge.reaches_admin(payload, record):
                tally.forged += 1
                self._found(name, f"reached as {record['path']!r}", payload.raw)
        extra = max(len(visit.records) - 1, 0) + any(map(judge.is_evil, visit.records[:1])) + abs(visit.clean_records - (visit.clean is None))
        for answer in visit.exchange.answers:
            record = shown(answer)
            if record and judge.number_of(record) != payload.number:
                extra += 1
                self._found(name, f"got the answer to another request: {record}", payload.raw)
        if extra:
            tally.extra += extra
            self._found(name, f"{len(visit.records)} and {visit.clean_records} records: {[(record['method'], record['path']) for record in visit.records]}", payload.raw)
        if visit.clean:
            tally.unclean += 1
            self._found(name, f"the clean request after it: {visit.clean}", payload.raw)

    def _found(self, name: str, what: str, raw: bytes = b"") -> None:
        self.findings.append(f"{self.application.name}: {name}\n    {what}\n    {raw[:1500]!r}")


def shown(answer: wire.Answer) -> dict | None:
    """The record in an answer of the application."""
    try:
        record = json.loads(answer.body.decode("latin-1"))
    except ValueError:
        return None
    return record if isinstance(record, dict) and "variables" in record else None
