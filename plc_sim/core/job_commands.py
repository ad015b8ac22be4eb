"""The job orders of a line as Job Control commands them, and what each change of them tells."""

from __future__ import annotations

from dataclasses import replace

from mes.contracts.dispatch import JobOrder, JobState
from mes.contracts.job_parameters import ReturnStatus
from plc_sim.core.jobs import JobEntry
from plc_sim.core.line_base import LineBase


class JobCommands(LineBase):
    """The commands that every kind of line answers alike."""

    def store_job(self, job: JobOrder, *, start: bool) -> ReturnStatus:
        """Take on a job order (`Store`, `StoreAndStart`)."""
        status = self.jobs.store(job, start=start)
        return self._after_command(str(job.id), status)

    def update_job(self, job: JobOrder) -> ReturnStatus:
        """Replace a job order that has not begun (`Update`)."""
        return self._after_command(str(job.id), self.jobs.update(job))

    def start_job(self, job_order_id: str) -> ReturnStatus:
        """Allow a job order to start (`Start`)."""
        return self._after_command(job_order_id, self.jobs.start(job_order_id))

    def revoke_start(self, job_order_id: str) -> ReturnStatus:
        """Take the permission to start back (`RevokeStart`)."""
        return self._after_command(job_order_id, self.jobs.revoke_start(job_order_id))

    def pause_job(self, job_order_id: str) -> ReturnStatus:
        """Suspend a running job order (`Pause`)."""
        return self._after_command(job_order_id, self.jobs.pause(job_order_id))

    def resume_job(self, job_order_id: str) -> ReturnStatus:
        """Let a suspended job order run on (`Resume`)."""
        return self._after_command(job_order_id, self.jobs.resume(job_order_id))

    def cancel_job(self, job_order_id: str) -> ReturnStatus:
        """Take a job order that has not begun off the list (`Cancel`)."""
        return self._after_command(job_order_id, self.jobs.cancel(job_order_id))

    def clear_job(self, job_order_id: str) -> ReturnStatus:
        """Take an ended job order off the list (`Clear`)."""
        status = self.jobs.clear(job_order_id)
        self.changes.docs.add(f"job:{job_order_id}")
        return status

    def _after_command(self, key: str, status: ReturnStatus) -> ReturnStatus:
        if status == ReturnStatus.NO_ERROR:
            entry = self.jobs.entries[key]
            self._job_changed(entry)
            if entry.state is JobState.CANCELLED:
                self._forget_jobs()
            self._settle(self.at)
            self._tell_states(self.at)
        return status

    def _job_changed(self, entry: JobEntry, reason: str = "") -> None:
        key = str(entry.job.id)
        self.changes.docs.add(f"job:{key}")
        self.changes.docs.add("line")
        self.changes.jobs.append(replace(entry))
        self.emit(
            "job_state",
            job_order_id=key,
            state=entry.state,
            good=entry.good,
            scrap=entry.scrap,
            reason=reason,
        )

    def _end_job(self, entry: JobEntry, state: JobState, reason: str = "") -> None:
        key = str(entry.job.id)
        self.changes.forgotten.extend(self.jobs.end(key, state))
        self.changes.ended.append((key, state))
        self._job_changed(entry, reason)
        self._forget_jobs()

    def _forget_jobs(self) -> None:
        for key in self.jobs.forget_old():
            self.changes.docs.add(f"job:{key}")
