// Another maker's client drives a line of ours by ISA-95 Job Control alone.
// node drive_line.js ENDPOINT LINE JOB1 JOB2: stores both, starts one with StoreAndStart, cancels the other;
// prints one JSON object with the answers and the job list before and after.
"use strict";
const { AttributeIds, DataType, OPCUAClient, Variant, VariantArrayType, coerceNodeId } = require("node-opcua");

const PLANT = "urn:c2m:plant";
const JOB_CONTROL = "http://opcfoundation.org/UA/ISA95-JOBCONTROL_V2/";
const [endpoint, line, first, second] = process.argv.slice(2);

async function main() {
  const client = OPCUAClient.create({ endpointMustExist: false, connectionStrategy: { maxRetry: 1 } });
  await client.connect(endpoint);
  const session = await client.createSession();
  const namespaces = await session.readNamespaceArray();
  const plant = namespaces.indexOf(PLANT);
  const jobControl = namespaces.indexOf(JOB_CONTROL);
  const receiver = `ns=${plant};s=${line}.JobOrderReceiver`;
  const typeOf = await session.read({ nodeId: receiver, attributeId: AttributeIds.NodeClass });

  // The methods are found as the specification names them, by browsing the receiver.
  const browsed = await session.browse({
    nodeId: receiver, referenceTypeId: "HasComponent", includeSubtypes: true, nodeClassMask: 4, resultMask: 63,
  });
  const methods = Object.fromEntries(
    browsed.references
      .filter((reference) => reference.browseName.namespaceIndex === jobControl)
      .map((reference) => [reference.browseName.name, reference.nodeId.toString()]));

  const comment = new Variant({
    dataType: DataType.LocalizedText, arrayType: VariantArrayType.Array, value: [{ text: "interop" }],
  });
  const orderType = coerceNodeId(`ns=${jobControl};i=3008`);
  const order = async (id, sequence) => session.constructExtensionObject(orderType, {
    jobOrderID: id,
    startTime: new Date(Date.UTC(2026, 2, 2)),
    jobOrderParameters: Object.entries({
      kind: "body", line, attempt: "1", sequence: String(sequence), body_id: id, model: "C1",
      options: JSON.stringify(["SUN"]),
    }).map(([ID, text]) => ({ ID, value: new Variant({ dataType: DataType.String, value: text }) })),
  });
  const call = async (name, argument) => {
    const answer = await session.call({
      objectId: receiver, methodId: methods[name], inputArguments: [argument, comment],
    });
    if (answer.statusCode.value !== 0) throw new Error(`${name}: ${answer.statusCode.toString()}`);
    const value = answer.outputArguments[0].value;
    return Array.isArray(value) ? value[0] * 2 ** 32 + value[1] : Number(value);
  };
  const store = async (name, id, sequence) =>
    call(name, new Variant({ dataType: DataType.ExtensionObject, value: await order(id, sequence) }));
  const list = async () => {
    const read = await session.read({ nodeId: `${receiver}.JobOrderList`, attributeId: AttributeIds.Value });
    return Object.fromEntries((read.value.value || []).map((entry) => [
      entry.jobOrder.jobOrderID, entry.state.map((state) => state.stateNumber),
    ]));
  };
  const id = (text) => new Variant({ dataType: DataType.String, value: text });

  const told = {
    methods: Object.keys(methods).sort(),
    isObject: typeOf.value.value === 1,
    store: await store("Store", second, 2),
    storeAndStart: await store("StoreAndStart", first, 1),
    again: await store("StoreAndStart", first, 1),
  };
  told.before = await list();
  told.cancel = await call("Cancel", id(second));
  told.unknown = await call("Cancel", id("no such job order"));
  told.after = await list();
  process.stdout.write(JSON.stringify(told) + "\n");
  await session.close();
  await client.disconnect();
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
