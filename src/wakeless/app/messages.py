"""Makes the message that is sent, from the incident as it stands when it is sent."""

from __future__ import annotations

from wakeless.app.attempts import OutputFiles
from wakeless.core.clock import Clock
from wakeless.core.errors import NotFound
from wakeless.escalation.notify import AttemptSummary, Places, compose
from wakeless.escalation.ports import Message
from wakeless.store import journal
from wakeless.store.journal import AttemptRow, Delivery
from wakeless.store.sqlite import Database


class MessageDesk:
    """Writes messages for the courier."""

    def __init__(self, db: Database, output: OutputFiles, clock: Clock, base_url: str) -> None:
        self._db = db
        self._output = output
        self._clock = clock
        self._places = Places(base_url=base_url)

    def compose(self, delivery: Delivery, in_reply_to: str | None) -> Message:
        """Return the message for one delivery; raises `NotFound` when its incident is gone."""
        run, rows = self._db.read(
            lambda db: (journal.get_run(db, delivery.incident_id), journal.attempts_of(db, delivery.incident_id))
        )
        if run is None:
            raise NotFound(f"there is no incident {delivery.incident_id}")
        return compose(
            delivery.kind,
            message_id=delivery.id,
            incident=run.incident,
            plan=run.plan if run.no_plan is None else run.no_plan,
            attempts=[self._summary(row) for row in rows],
            reason=delivery.reason,
            now=self._clock.now(),
            places=self._places,
            in_reply_to=in_reply_to,
        )

    def _summary(self, row: AttemptRow) -> AttemptSummary:
        return AttemptSummary(
            id=row.id,
            number=row.number,
            script=row.script,
            target=row.target,
            began_at=row.began_at,
            ended_at=row.ended_at,
            result=row.result,
            exit_code=row.exit_code,
            detail=row.detail,
            output=self._output.tail(row.id),
        )
