// A line of another maker: a node-opcua server with its own node ids, ISA-95 job control and a few tags.
// node line_server.js PORT: prints "ready", then one JSON line for everything a client has it do.
"use strict";
const {
  DataType, OPCUAServer, StatusCodes, Variant, VariantArrayType, coerceNodeId, nodesets,
} = require("node-opcua");

const JOB_CONTROL = "http://opcfoundation.org/UA/ISA95-JOBCONTROL_V2/";
const port = Number(process.argv[2]);
const tell = (what) => process.stdout.write(JSON.stringify(what) + "\n");

async function main() {
  const server = new OPCUAServer({
    port, hostname: "127.0.0.1", alternateHostname: "127.0.0.1",
    nodeset_filename: [nodesets.standard, nodesets.isa95JobControl || nodesets.isa95JobControlV2],
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  const own = space.registerNamespace("urn:other-maker:plc");
  const line = own.addObject({ organizedBy: space.rootFolder.objects, browseName: "Line7", nodeId: "i=7000" });

  let temperature = 180.0;
  let state = 1;
  const tag = own.addVariable({
    componentOf: line, browseName: "DB10.Temperature", nodeId: "i=7101", dataType: "Double",
    value: new Variant({ dataType: DataType.Double, value: temperature }),
  });
  const stationState = own.addVariable({
    componentOf: line, browseName: "DB10.State", nodeId: "s=DB10,State", dataType: "Int32",
    value: new Variant({ dataType: DataType.Int32, value: state }),
  });
  setInterval(() => {
    temperature += 0.5;
    tag.setValueFromSource({ dataType: DataType.Double, value: temperature });
    state = state === 1 ? 2 : 1;
    stationState.setValueFromSource({ dataType: DataType.Int32, value: state });
  }, 200);

  const index = space.getNamespaceIndex(JOB_CONTROL);
  const receiverType = space.findObjectType("ISA95JobOrderReceiverObjectType", index);
  const receiver = receiverType.instantiate({
    browseName: "Jobs", componentOf: line, namespace: own,
    optionals: ["StoreAndStart", "Store", "Cancel"],
  });
  const jobs = new Map();
  const list = receiver.getComponentByName("JobOrderList", index) || receiver.getPropertyByName("JobOrderList", index);
  const JobAndState = space.getExtensionObjectConstructor(
    space.findDataType("ISA95JobOrderAndStateDataType", index));
  const show = () => list.setValueFromSource({
    dataType: DataType.ExtensionObject, arrayType: VariantArrayType.Array,
    value: [...jobs.values()].map((job) => new JobAndState({
      jobOrder: job,
      state: [{ browsePath: { elements: [] }, stateText: { text: "AllowedToStart" }, stateNumber: 2 }],
    })),
  });
  show();
  const bind = (name, act) => {
    const method = receiver.getMethodByName(name, index);
    method.bindMethod((inputs, _context, callback) => {
      let returned;
      try {
        returned = act(inputs.map((input) => input.value));
        show();
      } catch (error) {
        tell({ failed: name, error: String(error.stack) });
        callback(error);
        return;
      }
      callback(null, {
        statusCode: StatusCodes.Good,
        outputArguments: [{ dataType: DataType.UInt64, arrayType: VariantArrayType.Scalar, value: [0, returned] }],
      });
    });
    return method.nodeId.toString();
  };
  const storeAndStart = bind("StoreAndStart", ([job, comment]) => {
    const known = jobs.has(job.jobOrderID);
    jobs.set(job.jobOrderID, job);
    tell({
      did: "StoreAndStart", id: job.jobOrderID, start: job.startTime,
      parameters: Object.fromEntries((job.jobOrderParameters || []).map((p) => [p.ID ?? p.iD ?? p.id, p.value.value])),
      comment: comment.map((c) => c.text),
    });
    return known ? 1 : 1;
  });
  const cancel = bind("Cancel", ([id]) => {
    tell({ did: "Cancel", id });
    return jobs.delete(id) ? 1 : 2;
  });
  await server.start();
  tell({
    ready: true,
    nodes: {
      temperature: "i=7101", state: "s=DB10,State", receiver: receiver.nodeId.toString(),
      list: list.nodeId.toString(), storeAndStart, cancel,
    },
    namespaces: space.getNamespaceArray().map((n) => n.namespaceUri),
  });
  process.on("SIGTERM", () => server.shutdown(100).then(() => process.exit(0)));
}

main().catch((error) => { console.error(error); process.exit(1); });
