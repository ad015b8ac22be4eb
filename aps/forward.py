"""The forward walk of `aps.flow`, compiled: pointers over arrays that advance while they can."""

import numpy as np

from aps.jit import kernel
from aps.plant import UNKNOWN
from aps.worktime import INF, Ints, end_at, start_at, work_until

ASSEMBLY_CALENDAR, PAINT_CALENDAR, WELD_CALENDAR, NO_PANELS, STORE_FULL = 1, 2, 3, 4, 5
"""Why a car got no time of its own at a stage (0: it has one, or an earlier stage has none)."""


@kernel
def _begin(starts: Ints, ends: Ints, before: Ints, earliest: int, work: int, until: int) -> int:
    """Return the least work clock from `earliest` on at which work done ends at `until` or later.

    A wish to end inside a break cannot be met exactly; one second more work ends after it.
    """
    if earliest >= INF or until >= INF:
        return INF
    at = work_until(starts, ends, before, until) - work
    if at > earliest:
        earliest = at
    if end_at(starts, ends, before, earliest + work) < until:
        earliest += 1
    return earliest


@kernel
def walk(
    starts: Ints,
    ends: Ints,
    before: Ints,
    offset: Ints,
    pace: Ints,
    stores: Ints,
    first: Ints,
    sigma: Ints,
    pi: Ints,
    color: Ints,
    purge: Ints,
    held_assembly: Ints,
    held_paint: Ints,
    room_after: Ints,
    release: Ints,
    rank: Ints,
    assembly_start: Ints,
    assembly_end: Ints,
    paint_start: Ints,
    paint_end: Ints,
    weld_end: Ints,
    job_ready: Ints,
    task_car: Ints,
    task_machine: Ints,
    task_duration: Ints,
    task_held: Ints,
    weld_rank: Ints,
    machine_free: Ints,
    demand: Ints,
    stock: Ints,
    rack: Ints,
    lot_panel: Ints,
    lot_press: Ints,
    lot_quantity: Ints,
    lot_setup: Ints,
    lot_work: Ints,
    lot_held: Ints,
    lot_start: Ints,
    lot_end: Ints,
    press_free: Ints,
    task_start: Ints,
    task_end: Ints,
    reason: Ints,
) -> bool:
    a_takt, a_lead, p_takt, p_lead = pace
    painted_init, painted_cap, painted_facts, welded_init, welded_cap = stores
    a_last, p_last, last_color = first
    n_cars = len(rank)
    n_sigma, n_pi, n_tasks, n_lots = len(sigma), len(pi), len(task_car), len(lot_panel)
    n_panels = len(stock)
    n_machines = len(machine_free)
    a_lo, a_hi, p_hi = offset[0], offset[1], offset[2]
    a_starts, a_ends, a_before = starts[a_lo:a_hi], ends[a_lo:a_hi], before[a_lo:a_hi]
    p_starts, p_ends, p_before = starts[a_hi:p_hi], ends[a_hi:p_hi], before[a_hi:p_hi]

    # Launches (first steps of cars not started) in order, and what each needs of the presses.
    task_before = np.full(n_tasks, -1, np.int64)
    weld_last = np.full(n_cars, -1, np.int64)
    launch_rank = np.full(n_cars, -1, np.int64)
    launch_car = np.empty(n_cars, np.int64)
    n_launch = 0
    for t in range(n_tasks):
        c = task_car[t]
        task_before[t] = weld_last[c]
        weld_last[c] = t
        if rank[c] == 0 and launch_rank[c] < 0:
            launch_rank[c] = n_launch
            launch_car[n_launch] = c
            n_launch += 1
    machine_tasks = np.argsort(task_machine, kind="mergesort")
    machine_last = np.zeros(n_machines, np.int64)
    for t in range(n_tasks):
        machine_last[task_machine[t]] += 1
    machine_last = np.cumsum(machine_last)
    machine_next = np.zeros(n_machines, np.int64)
    machine_next[1:] = machine_last[:-1]
    launch_time = np.full(n_launch, UNKNOWN, np.int64)
    needs_lot = np.full((n_launch, n_panels), -1, np.int64)
    lot_after = np.full(n_lots, -1, np.int64)
    lots_of = np.full((n_panels, n_lots + 1), -1, np.int64)
    lots_count = np.zeros(n_panels, np.int64)
    for k in range(n_lots):
        lots_of[lot_panel[k], lots_count[lot_panel[k]]] = k
        lots_count[lot_panel[k]] += 1
    for q in range(n_panels):
        used, supply, at = 0, stock[q], 0
        for r in range(n_launch):
            need = demand[launch_car[r], q]
            if need == 0:
                continue
            used += need
            while used > supply and at < lots_count[q]:
                supply += lot_quantity[lots_of[q, at]]
                at += 1
            needs_lot[r, q] = at - 1 if used <= supply else lots_count[q]
        used, supply, r = 0, stock[q], 0
        for at in range(lots_count[q]):
            k = lots_of[q, at]
            supply += lot_quantity[k]
            while supply - used > rack[q] and r < n_launch:
                used += demand[launch_car[r], q]
                r += 1
            if supply - used > rack[q]:
                lot_after[k] = n_launch
                supply -= lot_quantity[k]
            else:
                lot_after[k] = r - 1
    lot_done = np.zeros(n_lots, np.bool_)
    next_lot = np.zeros(len(press_free), np.int64)
    die_free = np.zeros(n_panels, np.int64)
    die_next = np.zeros(n_panels, np.int64)
    for k in range(n_lots):
        if lot_end[k] != UNKNOWN:
            lot_done[k] = True
            die_free[lot_panel[k]] = max(die_free[lot_panel[k]], lot_end[k])
            press_free[lot_press[k]] = max(press_free[lot_press[k]], lot_end[k])

    i_a = 0
    i_p = 0
    tasks_done = 0
    launched = 0
    last_launch = 0
    progress = True
    while progress:
        progress = False
        # Assembly: one car a takt, from the painted store.
        while i_a < n_sigma:
            c = sigma[i_a]
            if paint_end[c] == UNKNOWN:
                break
            ready = max(paint_end[c], held_assembly[c], 0)
            if rank[c] >= 3:
                ready = max(ready, release[c])
            w = work_until(a_starts, a_ends, a_before, ready)
            w = max(w, a_last + a_takt)
            assembly_start[c] = start_at(a_starts, a_ends, a_before, min(w, INF))
            assembly_end[c] = end_at(a_starts, a_ends, a_before, min(w + a_lead, INF))
            if assembly_end[c] < INF:
                a_last = w
            else:
                assembly_start[c] = INF
                if paint_end[c] < INF:
                    reason[c] = ASSEMBLY_CALENDAR
            i_a += 1
            progress = True
        # Paint: one car a takt, a purge where the colour changes, room in the painted store.
        while i_p < n_pi:
            c = pi[i_p]
            if weld_end[c] == UNKNOWN:
                break
            room = 0
            k = painted_init + painted_facts + i_p - painted_cap
            if k >= n_sigma:
                room = INF
            elif k >= 0:
                room = assembly_start[sigma[k]]
                if room == UNKNOWN:
                    break
            if room_after[c] >= 0:
                if assembly_start[room_after[c]] == UNKNOWN:
                    break
                room = max(room, assembly_start[room_after[c]])
            ready = max(weld_end[c], held_paint[c], 0)
            if rank[c] == 2:
                ready = max(ready, release[c])
            w = work_until(p_starts, p_ends, p_before, ready)
            step = p_takt
            if last_color >= 0 and color[c] != last_color:
                step += purge[last_color, color[c]]
            w = min(max(w, p_last + step), INF)
            w = _begin(p_starts, p_ends, p_before, w, p_lead, room)
            paint_start[c] = start_at(p_starts, p_ends, p_before, w)
            paint_end[c] = end_at(p_starts, p_ends, p_before, min(w + p_lead, INF))
            if paint_end[c] < INF:
                p_last = w
                last_color = color[c]
            else:
                paint_start[c] = INF
                if weld_end[c] < INF:
                    reason[c] = PAINT_CALENDAR if room < INF else STORE_FULL
            i_p += 1
            progress = True
        # Weld: each machine takes its tasks in order; launches go in their order and need
        # panels, last steps need room in the welded store.
        for m in range(n_machines):
            lo, hi = offset[2 + m], offset[3 + m]
            m_starts, m_ends, m_before = starts[lo:hi], ends[lo:hi], before[lo:hi]
            while machine_next[m] < machine_last[m]:
                i_t = machine_tasks[machine_next[m]]
                if task_before[i_t] >= 0 and task_end[task_before[i_t]] == UNKNOWN:
                    break
                c = task_car[i_t]
                ready = max(job_ready[c], task_held[i_t])
                ready = max(ready, release[c])
                launch = rank[c] == 0 and task_before[i_t] < 0
                if launch:
                    if launch_rank[c] != launched:
                        break
                    ready = max(ready, last_launch)
                    waits = False
                    for q in range(n_panels):
                        at = needs_lot[launched, q]
                        if at >= lots_count[q]:
                            ready = INF
                            reason[c] = NO_PANELS
                            continue
                        for one in range(at + 1):
                            k = lots_of[q, one]
                            if not lot_done[k]:
                                waits = True
                            else:
                                ready = max(ready, lot_end[k])
                                if lot_end[k] >= INF:
                                    reason[c] = NO_PANELS
                    if waits:
                        break
                room = 0
                if weld_last[c] == i_t:
                    k = welded_init + weld_rank[c] - welded_cap
                    if k >= n_pi:
                        room = INF
                    elif k >= 0:
                        room = paint_start[pi[k]]
                        if room == UNKNOWN:
                            break
                w = work_until(m_starts, m_ends, m_before, max(ready, machine_free[m]))
                w = _begin(m_starts, m_ends, m_before, w, task_duration[i_t], room)
                task_start[i_t] = start_at(m_starts, m_ends, m_before, w)
                task_end[i_t] = end_at(m_starts, m_ends, m_before, min(w + task_duration[i_t], INF))
                if task_end[i_t] >= INF:
                    task_start[i_t] = INF
                    if ready < INF:
                        reason[c] = WELD_CALENDAR if room < INF else STORE_FULL
                else:
                    machine_free[m] = task_end[i_t]
                if launch:
                    launch_time[launched] = task_start[i_t]
                    if task_start[i_t] < INF:
                        last_launch = task_start[i_t]
                    launched += 1
                job_ready[c] = task_end[i_t]
                if weld_last[c] == i_t:
                    weld_end[c] = task_end[i_t]
                machine_next[m] += 1
                tasks_done += 1
                progress = True
        # Presses: each works off its lots in order; a lot waits for room in its racks.
        for press in range(len(press_free)):
            while True:
                k = next_lot[press]
                while k < n_lots and (lot_press[k] != press or lot_done[k]):
                    k += 1
                next_lot[press] = k
                if k >= n_lots:
                    break
                q = lot_panel[k]
                while die_next[q] < lots_count[q] and lot_done[lots_of[q, die_next[q]]]:
                    die_next[q] += 1
                if lots_of[q, die_next[q]] != k:
                    break
                room = 0
                if lot_after[k] >= n_launch:
                    room = INF
                elif lot_after[k] >= 0:
                    room = launch_time[lot_after[k]]
                    if room == UNKNOWN:
                        break
                at = 2 + n_machines + press
                lo, hi = offset[at], offset[at + 1]
                r_starts, r_ends, r_before = starts[lo:hi], ends[lo:hi], before[lo:hi]
                ready = max(press_free[press], die_free[q], lot_held[k])
                work = lot_setup[k] + lot_work[k]
                w = work_until(r_starts, r_ends, r_before, ready)
                w = _begin(r_starts, r_ends, r_before, w, work, room)
                lot_start[k] = start_at(r_starts, r_ends, r_before, w)
                lot_end[k] = end_at(r_starts, r_ends, r_before, min(w + work, INF))
                if lot_end[k] >= INF:
                    lot_start[k] = INF
                else:
                    press_free[press] = lot_end[k]
                    die_free[q] = lot_end[k]
                lot_done[k] = True
                progress = True
    done = i_a == n_sigma and i_p == n_pi and tasks_done == n_tasks
    return bool(done and lot_done.all())
