// The peer of the column map in the stack of browser wizards: csv-parse (npm), objects, JSON.stringify.
//   node by_node.mjs FOLDER_WITH_NODE_MODULES EXPORT OUT
import { createRequire } from "node:module";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";

const [folder, file, target] = process.argv.slice(2);
const { parse } = createRequire(path.resolve(folder, "here.js"))("csv-parse");
const core = "urn:ietf:params:scim:schemas:core:2.0:User";
const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const out = fs.createWriteStream(target);
let operations = [];

async function flush() {
  if (operations.length === 0) return;
  const request = { schemas: ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], Operations: operations };
  operations = [];
  if (!out.write(JSON.stringify(request) + "\n")) await once(out, "drain");
}

const rows = fs.createReadStream(file, { highWaterMark: 1 << 20 }).pipe(parse({ columns: true, bom: true }));
for await (const row of rows) {
  operations.push({
    method: "POST",
    bulkId: row.EmployeeNumber,
    path: "/Users",
    data: {
      schemas: [core, enterprise],
      externalId: row.EmployeeNumber,
      userName: row.WorkEmail,
      active: row.Status !== "Terminated",
      displayName: `${row.FirstName} ${row.LastName}`,
      name: { givenName: row.FirstName, familyName: row.LastName },
      title: row.JobTitle,
      userType: row.EmploymentType,
      emails: [{ type: "work", value: row.WorkEmail }],
      phoneNumbers: [{ type: "work", value: row.WorkPhone }, { type: "mobile", value: row.MobilePhone }],
      [enterprise]: {
        employeeNumber: row.EmployeeNumber,
        department: row.Department,
        division: row.Division,
        costCenter: row.CostCenter,
        manager: row.ManagerEmployeeNumber ? { value: row.ManagerEmployeeNumber } : null,
      },
    },
  });
  if (operations.length === 50) await flush();
}
await flush();
out.end();
await once(out, "finish");
