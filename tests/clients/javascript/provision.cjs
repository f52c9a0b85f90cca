// The official JavaScript client, unmodified, against a Hirewire instance. See ../README.md.
"use strict";
const assert = require("node:assert/strict");
const { randomUUID } = require("node:crypto");
const { ClientSecretCredential } = require("@azure/identity");
const { Client, ResponseType } = require("@microsoft/microsoft-graph-client");
const {
  TokenCredentialAuthenticationProvider,
} = require("@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials");

const url = process.env.HIREWIRE_URL.replace(/\/$/, "");
const host = new URL(url).host;
const user = "urn:ietf:params:scim:schemas:core:2.0:User";
const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const step = (text) => console.log(`ok  ${text}`);

function person(run, number) {
  const externalId = `${run}${String(number).padStart(3, "0")}`;
  return {
    method: "POST",
    bulkId: randomUUID(),
    path: "/Users",
    data: {
      schemas: [user, enterprise],
      externalId,
      userName: `p${externalId}@northmere.example`,
      displayName: `Person ${externalId}`,
      name: { givenName: "Person", familyName: `Number${number}` },
      active: true,
      [enterprise]: { department: "Logistics", employeeNumber: externalId },
    },
  };
}

async function main() {
  const credential = new ClientSecretCredential(
    process.env.HIREWIRE_TENANT,
    process.env.HIREWIRE_CLIENT_ID,
    process.env.HIREWIRE_CLIENT_SECRET,
    { authorityHost: url, disableInstanceDiscovery: true },
  );
  const authProvider = new TokenCredentialAuthenticationProvider(credential, { scopes: [`${url}/.default`] });
  const client = Client.initWithMiddleware({
    authProvider,
    baseUrl: `${url}/`,
    defaultVersion: "v1.0",
    customHosts: new Set([host, new URL(url).hostname]),
  });

  const principals = await client.api("/servicePrincipals").get();
  const wanted = process.env.HIREWIRE_SERVICE_PRINCIPAL;
  const owner = principals.value.find((each) => !wanted || each.id === wanted);
  step(`token, ${principals.value.length} service principals`);

  const jobs = await client.api(`/servicePrincipals/${owner.id}/synchronization/jobs`).get();
  const job = jobs.value[0];
  const path = `/servicePrincipals/${owner.id}/synchronization/jobs/${job.id}`;
  assert.equal((await client.api(path).get()).id, job.id);
  step("job found");

  const run = `7${String(Date.now()).slice(-6)}`;
  const request = {
    schemas: ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
    Operations: Array.from({ length: 50 }, (_, number) => person(run, number)),
    failOnErrors: null,
  };
  const answer = await client
    .api(`${path}/bulkUpload`)
    .header("Content-Type", "application/scim+json")
    .responseType(ResponseType.RAW)
    .post(JSON.stringify(request));
  assert.equal(answer.status, 202, await answer.text());
  const location = answer.headers.get("location");
  assert.equal(location, `${url}/v1.0/auditLogs/provisioning/?$filter=jobid%20eq%20'${job.id}'`);
  step("50 people uploaded");

  const deadline = Date.now() + 60_000;
  let logged = new Set();
  while (Date.now() < deadline && logged.size < 50) {
    logged = new Set();
    let link = `${location}&$top=20`;
    while (link) {
      const page = await client.api(link).get();
      for (const record of page.value) {
        if (record.sourceIdentity.id.startsWith(run)) logged.add(record.sourceIdentity.id);
      }
      link = page["@odata.nextLink"];
    }
    if (logged.size < 50) await new Promise((resume) => setTimeout(resume, 200));
  }
  assert.equal(logged.size, 50);
  step("Location followed over all pages until 50 people were logged");

  const schema = await client.api(`${path}/schema`).get();
  assert.ok(schema.directories[0].objects[0].attributes.length > 0);
  const functions = await client.api(`${path}/schema/functions()`).get();
  assert.ok(functions.value.some((each) => each.name === "Join"));
  step("schema and functions read");

  await client.api(`${path}/pause`).post({});
  assert.equal((await client.api(path).get()).schedule.state, "Paused");
  await client.api(`${path}/start`).post({});
  assert.equal((await client.api(path).get()).schedule.state, "Active");
  await client.api(`${path}/restart`).post({ criteria: { resetScope: "Watermark, Escrows, QuarantineState" } });
  step("pause, start, restart");

  const pair = await client.api(`${path}/provisionOnDemand`).post({
    parameters: [
      { ruleId: schema.synchronizationRules[0].id, subjects: [{ objectId: `${run}000`, objectTypeName: "User" }] },
    ],
  });
  assert.ok(["Success", "Skipped"].includes(JSON.parse(pair.key).result), pair.key);
  assert.equal(JSON.parse(pair.value).reportableIdentifier, `${run}000`);
  step("provisioned on demand");

  const batch = await client.api("/$batch").post({
    requests: [
      { id: "1", method: "GET", url: path },
      {
        id: "2",
        method: "POST",
        url: `${path}/bulkUpload`,
        headers: { "Content-Type": "application/scim+json" },
        body: { ...request, Operations: request.Operations.slice(0, 1) },
      },
    ],
  });
  const statuses = Object.fromEntries(batch.responses.map((each) => [each.id, each.status]));
  assert.deepEqual(statuses, { 1: 200, 2: 202 });
  step("batch");
  console.log("all steps passed");
}

main().catch((error) => {
  console.error(`failed: ${error.name}: ${error.message}`);
  process.exitCode = 1;
});
