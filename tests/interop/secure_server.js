// A line of another maker that is reached over encrypted channels alone and believes nobody it was not told of.
// node secure_server.js PORT FOLDER: certificates in FOLDER/pki and FOLDER/users; user "agent", password "right".
// On SIGUSR1 it believes every certificate in FOLDER/approved, as clients and as users, and says how many.
"use strict";
const fs = require("fs");
const {
  DataType, MessageSecurityMode, OPCUACertificateManager, OPCUAServer, SecurityPolicy, Variant,
} = require("node-opcua");

const [port, folder] = [Number(process.argv[2]), process.argv[3]];

async function main() {
  const manager = (name) => new OPCUACertificateManager({
    rootFolder: `${folder}/${name}`, automaticallyAcceptUnknownCertificate: false,
  });
  const [serverCertificateManager, userCertificateManager] = [manager("pki"), manager("users")];
  await serverCertificateManager.initialize();
  await userCertificateManager.initialize();
  const server = new OPCUAServer({
    port, hostname: "127.0.0.1", alternateHostname: "127.0.0.1", serverCertificateManager, userCertificateManager,
    securityModes: [MessageSecurityMode.SignAndEncrypt],
    securityPolicies: [
      SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes128_Sha256_RsaOaep, SecurityPolicy.Aes256_Sha256_RsaPss,
    ],
    allowAnonymous: false,
    userManager: { isValidUser: (user, password) => user === "agent" && password === "right" },
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  const own = space.registerNamespace("urn:other-maker:plc");
  const line = own.addObject({ organizedBy: space.rootFolder.objects, browseName: "Line8", nodeId: "i=8000" });
  own.addVariable({
    componentOf: line, browseName: "DB10.Temperature", nodeId: "i=8101", dataType: "Double",
    value: new Variant({ dataType: DataType.Double, value: 180.5 }),
  });
  process.on("SIGUSR1", async () => {
    const files = fs.readdirSync(`${folder}/approved`);
    for (const file of files) {
      const certificate = fs.readFileSync(`${folder}/approved/${file}`);
      await serverCertificateManager.trustCertificate(certificate);
      await userCertificateManager.trustCertificate(certificate);
    }
    process.stdout.write(JSON.stringify({ believes: files.length }) + "\n");
  });
  await server.start();
  process.stdout.write(JSON.stringify({ ready: true }) + "\n");
  process.on("SIGTERM", () => server.shutdown(100).then(() => process.exit(0)));
}

main().catch((error) => { console.error(error); process.exit(1); });
