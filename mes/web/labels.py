"""What states are called, with the icon and the tone that go with the word: colour is never alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mes.web.translations import mark as _

Tone = Literal["good", "warn", "bad", "info", "block", "mute", "unknown"]


@dataclass(frozen=True, slots=True)
class Label:
    """A word (msgid), its icon and its tone."""

    word: str
    icon: str
    tone: Tone = "mute"


PROPOSAL_STATE: Mapping[str, Label] = {
    "open": Label(_("Waits for the planner"), "hourglass", "warn"),
    "accepted": Label(_("Accepted"), "circle-check", "good"),
    "rejected": Label(_("Rejected"), "ban", "mute"),
    "overtaken": Label(_("Overtaken by events"), "refresh-cw", "mute"),
}
ORDER_STAGE: Mapping[str, Label] = {
    "draft": Label(_("Draft"), "circle-dot"),
    "validated": Label(_("Validated"), "check", "info"),
    "quoted": Label(_("Quoted"), "hourglass", "info"),
    "confirmed": Label(_("Confirmed"), "check", "info"),
    "reconfigured": Label(_("Changed"), "refresh-cw", "info"),
    "locked": Label(_("Locked"), "lock", "info"),
    "in_production": Label(_("In production"), "factory", "good"),
    "line_off": Label(_("Line-off"), "flag", "good"),
    "quality_released": Label(_("Released by quality"), "shield-check", "good"),
    "shipped": Label(_("Shipped"), "truck", "good"),
    "delivered": Label(_("Delivered"), "circle-check", "good"),
    "held": Label(_("Held"), "octagon-pause", "warn"),
    "cancelled": Label(_("Cancelled"), "ban", "mute"),
}

STATION_STATE: Mapping[str, Label] = {
    "running": Label(_("Running"), "play", "good"),
    "starved": Label(_("Starved"), "hourglass", "info"),
    "blocked": Label(_("Blocked"), "circle-slash", "block"),
    "down": Label(_("Down"), "octagon-x", "bad"),
    "stopped": Label(_("Stopped, asks"), "hand", "warn"),
    "idle": Label(_("Off shift"), "pause", "mute"),
    "unknown": Label(_("Unknown"), "circle-help", "unknown"),
}

JOB_STATE: Mapping[str, Label] = {
    "Waiting": Label(_("Waiting"), "hourglass"),
    "Pending": Label(_("Pending"), "hourglass"),
    "Dispatched": Label(_("Sent to the line"), "arrow-right", "info"),
    "Ready": Label(_("Ready at the line"), "check", "info"),
    "Running": Label(_("Running"), "play", "good"),
    "Completed": Label(_("Completed"), "circle-check", "good"),
    "Aborted": Label(_("Aborted"), "octagon-x", "bad"),
    "Held": Label(_("Held"), "octagon-pause", "warn"),
    "Suspended": Label(_("Suspended"), "pause", "warn"),
    "Closed": Label(_("Closed"), "circle-check"),
    "Cancelled": Label(_("Cancelled"), "ban"),
}

PLAN_STATE: Mapping[str, Label] = {
    "solving": Label(_("Solving"), "refresh-cw", "info"),
    "draft": Label(_("Draft"), "circle-dot", "warn"),
    "published": Label(_("Published"), "circle-check", "good"),
    "superseded": Label(_("Superseded"), "history", "mute"),
    "failed": Label(_("Failed"), "octagon-x", "bad"),
    "discarded": Label(_("Discarded"), "trash-2", "mute"),
}

VERDICT: Mapping[str, Label] = {
    "OK": Label(_("OK"), "circle-check", "good"),
    "NOK": Label(_("NOK"), "octagon-x", "bad"),
    "UNFIT": Label(_("Unfit picture"), "circle-help", "warn"),
    "LATE": Label(_("Late verdict"), "clock", "warn"),
}

DISPOSITION: Mapping[str, Label] = {
    "false_call": Label(_("False call"), "x", "mute"),
    "rework": Label(_("Rework"), "wrench", "warn"),
    "scrap": Label(_("Scrap"), "trash-2", "bad"),
    "use_as_is": Label(_("Use as is"), "check", "info"),
}

HOLD_STATE: Mapping[str, Label] = {
    "open": Label(_("Undecided"), "octagon-pause", "warn"),
    "rework": Label(_("In rework"), "wrench", "warn"),
    "released": Label(_("Released"), "circle-check", "good"),
    "scrapped": Label(_("Scrapped"), "trash-2", "bad"),
}

HOLD_CAUSE: Mapping[str, Label] = {
    "nok": Label(_("defect seen"), "camera", "bad"),
    "unfit": Label(_("picture could not be judged"), "circle-help", "warn"),
    "late": Label(_("no verdict in time"), "clock", "warn"),
    "operator": Label(_("reported by an operator"), "hand", "warn"),
    "in_doubt": Label(_("since the last good check"), "circle-help", "warn"),
}

REWORK_STATE: Mapping[str, Label] = {
    "provisional": Label(_("assumed"), "hourglass", "warn"),
    "confirmed": Label(_("confirmed"), "wrench", "warn"),
    "reverted": Label(_("not needed"), "undo-2", "mute"),
    "done": Label(_("done"), "check", "good"),
}

REVIEW: Mapping[str, Label] = {
    "confirmed": Label(_("Confirmed"), "check", "bad"),
    "false_call": Label(_("False call"), "x", "mute"),
    "escape": Label(_("Escape"), "triangle-alert", "bad"),
}

ROLE: Mapping[str, Label] = {
    "planner": Label(_("Planner"), "calendar-range"),
    "quality": Label(_("Quality engineer"), "scan-eye"),
    "operator": Label(_("Operator"), "hand"),
    "maintenance": Label(_("Maintenance"), "wrench"),
    "dealer": Label(_("Dealer"), "car"),
    "admin": Label(_("Administrator"), "settings"),
}

LINK_STATE: Mapping[str, Label] = {
    "connected": Label(_("Connected"), "link", "good"),
    "disconnected": Label(_("Line not reached"), "unlink", "bad"),
    "lost": Label(_("Nothing heard"), "circle-help", "unknown"),
    "never": Label(_("Not enrolled"), "circle-dot", "mute"),
}

CERTIFICATE_PLACE: Mapping[str, Label] = {
    "own": Label(_("The agent's own"), "shield-check", "info"),
    "trusted": Label(_("Trusted"), "shield-check", "good"),
    "rejected": Label(_("Rejected"), "triangle-alert", "warn"),
    "revoked": Label(_("Withdrawn"), "ban", "bad"),
}

GAP_CAUSE: Mapping[str, Label] = {
    "agent_down": Label(_("agent was down"), "unlink", "warn"),
    "link_lost": Label(_("line was not reached"), "unlink", "warn"),
    "data_silent": Label(_("line sent nothing"), "circle-help", "warn"),
    "queue_overflow": Label(_("line dropped values: its queue was full"), "triangle-alert", "warn"),
    "journal_full": Label(_("journal was full: oldest values dropped"), "triangle-alert", "warn"),
    "poison": Label(_("values could not be read"), "triangle-alert", "bad"),
    "node_refused": Label(_("line refused to report the value"), "triangle-alert", "warn"),
    "poll_missed": Label(_("line was not read in time"), "hourglass", "warn"),
}

MODEL_STATE: Mapping[str, Label] = {
    "shadow": Label(_("Shadow"), "eye", "info"),
    "canary": Label(_("Canary"), "git-branch", "warn"),
    "active": Label(_("Active"), "circle-check", "good"),
    "retired": Label(_("Retired"), "ban", "mute"),
}

TRAINING_STATE: Mapping[str, Label] = {
    "examining": Label(_("Looking the pictures over"), "hourglass", "info"),
    "examined": Label(_("Waits for you to start it"), "hand", "warn"),
    "training": Label(_("Training"), "sparkles", "info"),
    "trained": Label(_("Trained"), "circle-check", "good"),
    "failed": Label(_("Failed"), "octagon-x", "bad"),
    "stopped": Label(_("Stopped"), "square", "mute"),
}

PIPELINE_STATE: Mapping[str, Label] = {
    "shadow": Label(_("Shadow"), "eye", "info"),
    "canary": Label(_("Canary"), "git-branch", "warn"),
    "published": Label(_("Published"), "circle-check", "good"),
    "retired": Label(_("Retired"), "ban", "mute"),
}

SCENE: Mapping[str, Label] = {
    "stamping": Label(_("Stamped panels"), "camera", "mute"),
    "welding": Label(_("Weld seams"), "camera", "mute"),
    "painting": Label(_("Painted surfaces"), "camera", "mute"),
    "assembly": Label(_("Assembled parts"), "camera", "mute"),
    "any": Label(_("Anything"), "camera", "mute"),
}
"""What a camera looks at, and a model was trained for."""

COMMAND_KIND: Mapping[str, Label] = {
    "store_job": Label(_("Store, may start"), "arrow-right", "info"),
    "store_only": Label(_("Store, waits for its start"), "hourglass", "info"),
    "start_job": Label(_("Allow to start"), "play", "info"),
    "update_job": Label(_("Send again as planned"), "refresh-cw", "info"),
    "pause_job": Label(_("Pause"), "pause", "warn"),
    "resume_job": Label(_("Let it run on"), "play", "info"),
    "stop_job": Label(_("End the lot early"), "square", "warn"),
    "abort_job": Label(_("Abort"), "octagon-x", "bad"),
    "cancel_job": Label(_("Take back from the line"), "undo-2", "warn"),
    "clear_job": Label(_("Take off the line's list"), "trash-2", "mute"),
    "download_recipe": Label(_("Load a recipe"), "download", "info"),
    "set_interlock": Label(_("Interlock"), "lock", "warn"),
    "set_hold": Label(_("Hold of a body"), "hand", "warn"),
}

COMMAND_STATE: Mapping[str, Label] = {
    "sent": Label(_("Waits for the line"), "hourglass", "info"),
    "done": Label(_("Done"), "circle-check", "good"),
    "refused": Label(_("Refused"), "ban", "bad"),
}

COMMAND_ANSWER: Mapping[str, Label] = {
    "ok": Label(_("The line accepts it"), "circle-check", "good"),
    "already_done": Label(_("It is so already"), "check", "mute"),
    "unknown_job_order": Label(_("The line does not have this job"), "circle-help", "bad"),
    "invalid_status": Label(_("Not possible in the state it is in"), "ban", "bad"),
    "invalid_request": Label(_("The line does not understand it"), "ban", "bad"),
    "not_accepted+list_full": Label(_("The line's list is full"), "ban", "bad"),
    "job_list_unreadable": Label(_("The line's job list cannot be read"), "ban", "bad"),
    "recipe_in_use": Label(_("The station works by this recipe now"), "ban", "bad"),
    "outside_limits": Label(_("A value is outside its limits"), "ban", "bad"),
    "incomplete": Label(_("The line has other values in its recipe"), "ban", "bad"),
    "wrong_version": Label(_("The checksum does not fit the values"), "octagon-x", "bad"),
    "readback_differs": Label(_("The line read back other values"), "octagon-x", "bad"),
    "not_verified": Label(_("The line does not work with what was written"), "octagon-x", "bad"),
    "not_writable": Label(_("The line does not let us write it"), "lock", "bad"),
    "guard_open": Label(_("The guard is open"), "lock-open", "bad"),
    "guard_unknown": Label(_("The line does not say whether the guard is closed"), "ban", "bad"),
    "unknown_body": Label(_("The line does not have this body"), "circle-help", "bad"),
    "holds_unreadable": Label(_("The line does not say which bodies it holds"), "ban", "bad"),
    "not_offered": Label(_("This line does not offer it"), "ban", "bad"),
}

KINDS: Mapping[str, Mapping[str, Label]] = {
    "command_kind": COMMAND_KIND,
    "command_state": COMMAND_STATE,
    "command_answer": COMMAND_ANSWER,
    "order_stage": ORDER_STAGE,
    "proposal_state": PROPOSAL_STATE,
    "station_state": STATION_STATE,
    "job_state": JOB_STATE,
    "plan_state": PLAN_STATE,
    "verdict": VERDICT,
    "disposition": DISPOSITION,
    "hold_state": HOLD_STATE,
    "hold_cause": HOLD_CAUSE,
    "rework_state": REWORK_STATE,
    "review": REVIEW,
    "role": ROLE,
    "link_state": LINK_STATE,
    "certificate_place": CERTIFICATE_PLACE,
    "gap_cause": GAP_CAUSE,
    "model_state": MODEL_STATE,
    "pipeline_state": PIPELINE_STATE,
    "scene": SCENE,
    "training_state": TRAINING_STATE,
}


def label(kind: str, value: str) -> Label:
    """Return the label of a state; a value nobody named yet is shown as it is."""
    return KINDS[kind].get(value, Label(value, "circle-help", "mute"))
