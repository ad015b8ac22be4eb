"""The node layout of our own lines, derived from the plant model: the same for simulator, MES and agent."""

from __future__ import annotations

from mes.contracts.plant import Camera, Line, PlantModel, Station
from mes.contracts.plc import (
    CameraNodes,
    JobControlNodes,
    LedgerNodes,
    LineInterface,
    LineMethodNodes,
    Name,
    StationNodes,
    TagNode,
    VisionNodes,
    plant_node,
)

JOB_RECEIVER = "JobOrderReceiver"
VISION_SYSTEM = "VisionSystem"


def tag_ids(plant: PlantModel) -> dict[tuple[str, str], int]:
    """Number every process tag of the plant: (station, tag name) → tag id, from 1 in file order."""
    keys = [
        (station.id, tag.name)
        for line in plant.lines
        for station in line.stations
        for tag in station.tags
    ]
    return {key: number for number, key in enumerate(keys, start=1)}


def line_interface(plant: PlantModel, line: Line, *, host: str = "127.0.0.1") -> LineInterface:
    """Return the OPC UA interface of `line` as `plc_sim` serves it and the agent is configured for it."""
    numbers = tag_ids(plant)
    return LineInterface(
        line=line.id,
        endpoint=f"opc.tcp://{host}:{line.port}",
        line_state=plant_node(line.id, Name.LINE_STATE),
        good_count=plant_node(line.id, Name.GOOD_COUNT),
        stations=tuple(
            StationNodes(
                id=station.id,
                state=plant_node(line.id, station.id, Name.STATE),
                body_id=plant_node(line.id, station.id, Name.BODY_ID),
                job_order_id=plant_node(line.id, station.id, Name.JOB_ORDER_ID),
                cycle_count=plant_node(line.id, station.id, Name.CYCLE_COUNT),
            )
            for station in line.stations
        ),
        tags=tuple(
            TagNode(
                tag_id=numbers[station.id, tag.name],
                station=station.id,
                name=tag.name,
                node=plant_node(line.id, station.id, tag.name),
                unit=tag.unit,
                deadband=tag.deadband,
            )
            for station in line.stations
            for tag in station.tags
        ),
        cameras=tuple(
            _camera(line, station, station.camera, host=host)
            for station in line.stations
            if station.camera is not None
        ),
        job_control=_job_control(line),
        ledger=LedgerNodes(
            parent=plant_node(line.id, Name.LEDGER),
            last_seq=plant_node(line.id, Name.LEDGER, Name.LAST_SEQ),
            read=plant_node(line.id, Name.LEDGER, Name.READ),
        ),
        methods=LineMethodNodes(
            parent=plant_node(line.id),
            set_hold=plant_node(line.id, Name.SET_HOLD),
            answer_reading=plant_node(line.id, Name.ANSWER_READING),
            scrap_body=plant_node(line.id, Name.SCRAP_BODY),
        ),
        collect=line.collect,
    )


def _job_control(line: Line) -> JobControlNodes:
    def node(name: str) -> str:
        return plant_node(line.id, JOB_RECEIVER, name)

    return JobControlNodes(
        receiver=plant_node(line.id, JOB_RECEIVER),
        store=node("Store"),
        store_and_start=node("StoreAndStart"),
        start=node("Start"),
        pause=node("Pause"),
        resume=node("Resume"),
        update=node("Update"),
        stop=node("Stop"),
        abort=node("Abort"),
        cancel=node("Cancel"),
        clear=node("Clear"),
        job_order_list=node("JobOrderList"),
    )


def _camera(line: Line, station: Station, camera: Camera, *, host: str) -> CameraNodes:
    def node(name: str) -> str:
        return plant_node(line.id, station.id, camera.id, name)

    return CameraNodes(
        id=camera.id,
        station=station.id,
        scene=camera.scene,
        snapshot_url=f"http://{host}:{line.camera_port}/{camera.id}/snapshot.jpg",
        request=node("RequestCounter"),
        body_id=node("BodyId"),
        lot=node("Lot"),
        job_order_id=node("JobOrderId"),
        variant=node("Variant"),
        deadline=node("Deadline"),
        verdict_body_id=node("VerdictBodyId"),
        verdict_counter=node("VerdictCounter"),
        verdict=node("Verdict"),
        verdict_valid=node("VerdictValid"),
        ack=node("VerdictAck"),
        ack_counter=node("VerdictAckCounter"),
        vision=_vision(camera, system=node(VISION_SYSTEM)),
    )


def _vision(camera: Camera, *, system: str) -> VisionNodes | None:
    told = camera.vision_system
    if told is None:
        return None
    return VisionNodes(
        system=told.system or system,
        endpoint=told.endpoint,
        name=told.name,
        measurement=told.measurement,
        ok=told.ok,
        nok=told.nok,
    )
