// Another maker's client that knows the companion specifications, and nothing of our plant.
// node discover_line.js ENDPOINT: finds machines below `Machines` and units below `PackMLObjects` by browse names and
// types alone; prints one JSON object with what it found.
"use strict";
const { AttributeIds, BrowseDirection, OPCUAClient, Variant, DataType } = require("node-opcua");

const MACHINERY = "http://opcfoundation.org/UA/Machinery/";
const PACKML = "http://opcfoundation.org/UA/PackML/";

async function main() {
  const client = OPCUAClient.create({ endpointMustExist: false, connectionStrategy: { maxRetry: 1 } });
  await client.connect(process.argv[2]);
  const session = await client.createSession();
  const namespaces = await session.readNamespaceArray();
  const uri = (index) => namespaces[index];

  const browse = async (nodeId, referenceTypeId = "HierarchicalReferences") => {
    const result = await session.browse({
      nodeId, referenceTypeId, includeSubtypes: true, browseDirection: BrowseDirection.Forward, resultMask: 63,
    });
    return result.references;
  };
  const named = async (name) => {
    const read = await session.read({ nodeId: name, attributeId: AttributeIds.BrowseName });
    return read.value.value;
  };
  const reference = async (entry) => (await named(entry.referenceTypeId)).name;
  const typeOf = async (entry) => {
    const name = await named(entry.typeDefinition);
    return `${uri(name.namespaceIndex)}#${name.name}`;
  };
  const child = async (nodeId, name, namespace) => {
    const found = (await browse(nodeId)).filter((entry) =>
      entry.browseName.name === name && (namespace === undefined || uri(entry.browseName.namespaceIndex) === namespace));
    if (found.length !== 1) throw new Error(`${name}: ${found.length} below ${nodeId}`);
    return found[0];
  };
  const value = async (nodeId) => {
    const read = await session.read({ nodeId, attributeId: AttributeIds.Value });
    const content = read.value === null ? null : read.value.value;
    return { status: read.statusCode.name, value: content && content.text !== undefined ? content.text : content };
  };
  const state = async (machine) => {
    const current = await child(machine.nodeId, "CurrentState");
    const id = await value((await child(current.nodeId, "Id")).nodeId);
    const kind = await typeOf(current);
    const told = await value(current.nodeId);
    // The state that `Id` points at is the one whose name is told, and belongs to the type of the machine.
    const points = id.status === "Good" ? (await named(id.value)).name : null;
    return { type: await typeOf(machine), kind, status: told.status, state: told.value, points };
  };

  const told = { machines: [], units: [] };
  const machines = `ns=${namespaces.indexOf(MACHINERY)};i=1001`;
  for (const machine of await browse(machines, "Organizes")) {
    const blocks = await child(machine.nodeId, "MachineryBuildingBlocks", MACHINERY);
    const identification = await child(machine.nodeId, "Identification");
    const facts = {};
    for (const entry of await browse(identification.nodeId, "HasProperty")) {
      facts[entry.browseName.name] = (await value(entry.nodeId)).value;
    }
    const parts = {};
    for (const entry of await browse(blocks.nodeId)) {
      parts[entry.browseName.name] = { reference: await reference(entry), type: await typeOf(entry) };
    }
    told.machines.push({
      name: machine.browseName.name, facts, parts, blocks: await typeOf(blocks),
      identification: { namespace: uri(identification.browseName.namespaceIndex), type: await typeOf(identification) },
      itemState: await state(await child(blocks.nodeId, "MachineryItemState", MACHINERY)),
      mode: await state(await child(blocks.nodeId, "MachineryOperationMode", MACHINERY)),
    });
  }
  for (const unit of await browse(`ns=${namespaces.indexOf(PACKML)};i=72`, "Organizes")) {
    const base = await child(unit.nodeId, "BaseStateMachine", PACKML);
    const machine = await child(base.nodeId, "MachineState", PACKML);
    const execute = await child(machine.nodeId, "ExecuteState", PACKML);
    const status = await child(unit.nodeId, "Status", PACKML);
    const values = {};
    for (const entry of await browse(status.nodeId)) {
      values[entry.browseName.name] = (await value(entry.nodeId)).value;
    }
    const call = async (name, argument) => {
      const methodId = (await child(unit.nodeId, name, PACKML)).nodeId;
      const answer = await session.call({ objectId: unit.nodeId, methodId, inputArguments: [argument] });
      return answer.statusCode.name;
    };
    told.units.push({
      type: await typeOf(unit), values, base: await state(base), machine: await state(machine),
      execute: await state(execute),
      setUnitMode: await call("SetUnitMode", new Variant({ dataType: DataType.Int32, value: 1 })),
      setMachSpeed: await call("SetMachSpeed", new Variant({ dataType: DataType.Float, value: 2 })),
    });
  }
  process.stdout.write(JSON.stringify(told) + "\n");
  await session.close();
  await client.disconnect();
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
