"""The official Python SDK, unmodified, against a Hirewire instance. See ../README.md."""

import asyncio
import json
import os
import sys
import time
import uuid

# azure-identity and the SDK read the authority of the listener's certificate from here.
ca = os.environ.get("HIREWIRE_CA")
if ca:
    os.environ["SSL_CERT_FILE"] = ca
    os.environ["REQUESTS_CA_BUNDLE"] = ca

import httpx
from azure.identity.aio import ClientSecretCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.method import Method
from kiota_abstractions.native_response_handler import NativeResponseHandler
from kiota_abstractions.request_information import RequestInformation
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from kiota_http.middleware.options import ResponseHandlerOption
from msgraph import GraphServiceClient
from msgraph.generated.audit_logs.provisioning.provisioning_request_builder import ProvisioningRequestBuilder
from msgraph.generated.models.synchronization_job_application_parameters import SynchronizationJobApplicationParameters
from msgraph.generated.models.synchronization_job_restart_criteria import SynchronizationJobRestartCriteria
from msgraph.generated.models.synchronization_job_subject import SynchronizationJobSubject
from msgraph.generated.service_principals.item.synchronization.jobs.item.provision_on_demand.provision_on_demand_post_request_body import (
    ProvisionOnDemandPostRequestBody,
)
from msgraph.generated.service_principals.item.synchronization.jobs.item.restart.restart_post_request_body import (
    RestartPostRequestBody,
)
from msgraph_core import GraphClientFactory
from msgraph.graph_request_adapter import GraphRequestAdapter

URL = os.environ["HIREWIRE_URL"].rstrip("/")
HOST = URL.split("://", 1)[1]
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def step(text):
    print(f"ok  {text}", flush=True)


def person(run, number):
    return {
        "method": "POST",
        "bulkId": str(uuid.uuid4()),
        "path": "/Users",
        "data": {
            "schemas": [USER, ENTERPRISE],
            "externalId": f"{run}{number:03d}",
            "userName": f"p{run}{number:03d}@northmere.example",
            "displayName": f"Person {run} {number}",
            "name": {"givenName": "Person", "familyName": f"Number{number}"},
            "active": True,
            ENTERPRISE: {"department": "Logistics", "employeeNumber": f"{run}{number:03d}"},
        },
    }


def client():
    credential = ClientSecretCredential(
        os.environ["HIREWIRE_TENANT"],
        os.environ["HIREWIRE_CLIENT_ID"],
        os.environ["HIREWIRE_CLIENT_SECRET"],
        authority=URL,
        disable_instance_discovery=True,
    )
    provider = AzureIdentityAuthenticationProvider(
        credential, scopes=[f"{URL}/.default"], allowed_hosts=[HOST.split(":")[0], HOST]
    )
    http = GraphClientFactory.create_with_default_middleware(client=httpx.AsyncClient(verify=ca or True, timeout=60))
    adapter = GraphRequestAdapter(provider, client=http)
    adapter.base_url = f"{URL}/v1.0"
    return credential, GraphServiceClient(request_adapter=adapter), adapter


async def send(adapter, method, url, body=None, content_type=None):
    """A raw request through the SDK's adapter: the SDK has no method for bulkUpload. Gives httpx' response."""
    request = RequestInformation()
    request.http_method = method
    request.url = url
    request.add_request_options([ResponseHandlerOption(NativeResponseHandler())])
    if body is not None:
        request.set_stream_content(body, content_type)
    return await adapter.send_primitive_async(request, "bytes", {})


async def main():
    credential, graph, adapter = client()

    principals = await graph.service_principals.get()
    wanted = os.environ.get("HIREWIRE_SERVICE_PRINCIPAL")
    owner = next(p for p in principals.value if p.id == wanted or not wanted)
    step(f"token, {len(principals.value)} service principals")

    jobs = graph.service_principals.by_service_principal_id(owner.id).synchronization.jobs
    found = await jobs.get()
    job = found.value[0]
    assert job.id.startswith(job.template_id), job.id
    one = jobs.by_synchronization_job_id(job.id)
    assert (await one.get()).status is not None
    step("job found")

    run = str(int(time.time()))[-6:]
    payload = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [person(run, number) for number in range(50)],
        "failOnErrors": None,
    }
    url = f"{URL}/v1.0/servicePrincipals/{owner.id}/synchronization/jobs/{job.id}/bulkUpload"
    answer = await send(adapter, Method.POST, url, json.dumps(payload).encode(), "application/scim+json")
    assert answer.status_code == 202, (answer.status_code, answer.text)
    assert answer.content == b"", answer.content
    location = answer.headers["Location"]
    assert location == f"{URL}/v1.0/auditLogs/provisioning/?$filter=jobid%20eq%20'{job.id}'", location
    step("50 people uploaded")

    deadline = time.monotonic() + 60
    logged = set()
    while time.monotonic() < deadline:
        logged, link = set(), location + "&$top=20"
        while link:
            page = (await send(adapter, Method.GET, link)).json()
            logged |= {record["sourceIdentity"]["id"] for record in page["value"]}
            link = page.get("@odata.nextLink")
        if len({external for external in logged if external.startswith(run)}) == 50:
            break
        await asyncio.sleep(0.2)
    assert len({external for external in logged if external.startswith(run)}) == 50, f"{len(logged)} people logged"
    step("Location followed over all pages until 50 people were logged")

    query = ProvisioningRequestBuilder.ProvisioningRequestBuilderGetQueryParameters(
        filter=f"jobId eq '{job.id}' and sourceIdentity/id eq '{run}000'", top=10, orderby=["activityDateTime desc"]
    )
    records = await graph.audit_logs.provisioning.get(RequestConfiguration(query_parameters=query))
    record = records.value[0]
    assert record.source_identity.id == f"{run}000"
    assert record.provisioning_status_info.status is not None and record.provisioning_action is not None
    assert record.provisioning_steps and record.service_principal.id == owner.id
    step("log read with types")

    schema = await one.schema.get()
    assert schema.directories and schema.synchronization_rules
    assert schema.directories[0].objects[0].attributes, "the source directory stands first"
    step("schema read")

    await one.pause.post()
    assert (await one.get()).schedule.state.value == "Paused"
    await one.start.post()
    assert (await one.get()).schedule.state.value == "Active"
    await one.restart.post(RestartPostRequestBody(criteria=SynchronizationJobRestartCriteria()))
    step("pause, start, restart")

    rule = schema.synchronization_rules[0].id
    body = ProvisionOnDemandPostRequestBody(
        parameters=[
            SynchronizationJobApplicationParameters(
                rule_id=rule, subjects=[SynchronizationJobSubject(object_id=f"{run}000", object_type_name="User")]
            )
        ]
    )
    pair = await one.provision_on_demand.post(body)
    assert json.loads(pair.key)["result"] in ("Success", "Skipped"), pair.key
    assert json.loads(pair.value)["reportableIdentifier"] == f"{run}000"
    step("provisioned on demand")

    await credential.close()
    print("all steps passed")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except Exception as error:  # the line a person reads first
        print(f"failed: {type(error).__name__}: {error}", file=sys.stderr)
        raise
