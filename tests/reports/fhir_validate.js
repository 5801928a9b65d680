// Prints what the npm package `fhir` (HL7 FHIR R4) finds wrong in a file: one line a fault, nothing if it is valid.
const fs = require("fs");
const { Fhir } = require("fhir");

const found = new Fhir().validate(JSON.parse(fs.readFileSync(process.argv[2], "utf-8")), { errorOnUnexpected: true });
const faults = found.messages.filter((message) => ["error", "fatal"].includes(message.severity));
faults.forEach((fault) => console.log(`${fault.resourceId} ${fault.location}: ${fault.message}`));
process.exit(found.valid && faults.length === 0 ? 0 : 1);
