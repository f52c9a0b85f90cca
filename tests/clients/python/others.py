"""Clients other than the SDKs, each with its habits: MSAL with a certificate, Postman, the curl tutorial, PowerShell 5.1, HTTP/2,
chunked and packed bodies, many connections at once. See ../README.md.

    python others.py                        against a running instance
    python others.py --certificate FOLDER   only makes FOLDER/certificate.pem and FOLDER/key.pem, to start the instance with
"""

import asyncio
import datetime
import gzip
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
SCIM = "application/scim+json"


def step(text):
    print(f"ok  {text}", flush=True)


def make_certificate(folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Hirewire test client")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
    certificate = builder.not_valid_after(now + datetime.timedelta(days=30)).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    pathlib.Path(folder, "certificate.pem").write_bytes(certificate.public_bytes(pem))
    pathlib.Path(folder, "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


class Instance:
    def __init__(self):
        self.url = os.environ["HIREWIRE_URL"].rstrip("/")
        self.ca = os.environ.get("HIREWIRE_CA")
        self.tenant = os.environ["HIREWIRE_TENANT"]
        self.id = os.environ["HIREWIRE_CLIENT_ID"]
        self.secret = os.environ["HIREWIRE_CLIENT_SECRET"]
        self.owner = os.environ["HIREWIRE_SERVICE_PRINCIPAL"]
        self.job = os.environ["HIREWIRE_JOB"]
        self.path = f"/v1.0/servicePrincipals/{self.owner}/synchronization/jobs/{self.job}"
        self.upload = f"{self.url}{self.path}/bulkUpload"
        self.run = str(int(time.time()))[-6:]
        self.number = 0

    def body(self, count=1):
        operations = []
        for _ in range(count):
            self.number += 1
            key = f"{self.run}{self.number:04d}"
            data = {"schemas": [USER, ENTERPRISE], "externalId": key, "userName": f"o{key}@contoso.com", "active": True}
            data |= {"displayName": f"Other {key}", "name": {"givenName": "Other", "familyName": key}}
            operations.append({"method": "POST", "bulkId": str(uuid.uuid4()), "path": "/Users", "data": data})
        return json.dumps({"schemas": [BULK], "Operations": operations, "failOnErrors": None})


def check(answer, status, text=""):
    assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    assert text in answer.text, answer.text
    return answer


def msal_with_certificate(it):
    import msal

    folder = os.environ.get("HIREWIRE_CERTIFICATE")
    if not folder:
        return step("MSAL with a certificate: left out, HIREWIRE_CERTIFICATE is not set")
    credential = {
        "private_key": pathlib.Path(folder, "key.pem").read_text(),
        "public_certificate": pathlib.Path(folder, "certificate.pem").read_text(),
    }
    client = msal.ConfidentialClientApplication(
        it.id,
        authority=f"{it.url}/{it.tenant}",
        client_credential=credential,
        instance_discovery=False,
        verify=it.ca or True,
    )
    answer = client.acquire_token_for_client(scopes=["https://graph.microsoft.com/.default"])
    assert answer.get("token_type") == "Bearer", answer
    step("MSAL: token by certificate")


def postman(it):
    """Basic header, `resource` in place of `scope`, the older endpoint; then its own `failure` request."""
    import requests

    session = requests.Session()
    session.verify = it.ca or True
    form = {"grant_type": "client_credentials", "resource": "00000003-0000-0000-c000-000000000000"}
    answer = session.post(f"{it.url}/{it.tenant}/oauth2/token", data=form, auth=(it.id, it.secret))
    token = check(answer, 200).json()
    assert token["expires_in"].isdigit() and token["resource"].startswith("00000003"), token
    session.headers["Authorization"] = f"Bearer {token['access_token']}"
    check(session.post(it.upload, data=it.body(), headers={"Content-Type": SCIM}), 202)
    check(session.post(it.upload, data='{"name":"John Doe"}', headers={"Content-Type": SCIM}), 400, "Invalid Data Format")
    query = f"jobId eq '{it.job}' and statusInfo/status eq 'failure' and activityDateTime ge 2022-10-10T09:47:34Z"
    check(session.get(f"{it.url}/beta/auditLogs/provisioning", params={"$filter": query}), 200)
    step("requests, as Postman: Basic header, resource, beta filter")
    return session


def curl(it, session):
    """The tutorial's command: newlines of the file are stripped, the body is over 1 MiB at times and then waits for 100."""
    if not shutil.which("curl"):
        return step("curl: left out, there is none")
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "scim-bulk-upload-users.json")
        for count, note in ((2, ""), (1, "x" * 1_200_000)):
            document = json.loads(it.body(count))
            document["Operations"][0]["data"]["nickName"] = note
            file.write_text(json.dumps(document, indent=2))
            command = ["curl", "-sS", "-o", os.devnull, "-w", "%{http_code} %{http_version}", "-d", f"@{file}"]
            command += ["-H", f"Authorization: {session.headers['Authorization']}", "-H", f"Content-Type: {SCIM}"]
            command += (["--cacert", it.ca] if it.ca else []) + [it.upload]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            assert done.stdout.startswith("202"), done.stdout
    step(f"curl: the tutorial's command, and a large body ({done.stdout})")


def http2(it, session):
    import httpx

    context = ssl.create_default_context(cafile=it.ca) if it.ca else True
    headers = {"Authorization": session.headers["Authorization"], "Content-Type": SCIM}
    with httpx.Client(http2=True, verify=context, headers=headers) as client:
        answer = client.post(it.upload, content=it.body())
        assert answer.http_version == "HTTP/2" or it.url.startswith("http:"), answer.http_version
        check(answer, 202)
        body = it.body().encode()
        check(client.post(it.upload, content=(body[at : at + 7] for at in range(0, len(body), 7))), 202)
        check(client.post(it.upload, content=gzip.compress(body), headers={"Content-Encoding": "gzip"}), 202)
        location = answer.headers["Location"]
        deadline = time.monotonic() + 30
        while not client.get(location).json()["value"]:
            assert time.monotonic() < deadline, "nothing was logged"
            time.sleep(0.1)
    step("httpx: HTTP/2, a body in pieces, a packed body, Location")


def powershell(it, session):
    """Windows PowerShell 5.1: Expect, a byte order mark, `schemas` flattened to text, Booleans as text."""
    document = json.loads(it.body())
    document["schemas"] = BULK
    document["Operations"][0]["data"]["active"] = "True"
    body = b"\xef\xbb\xbf" + json.dumps(document).encode()
    where = urllib.parse.urlsplit(it.upload)
    head = (
        f"POST {where.path} HTTP/1.1\r\n"
        f"Authorization: {session.headers['Authorization']}\r\n"
        "User-Agent: Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.17763.1\r\n"
        f"Content-Type: {SCIM}\r\nHost: {where.netloc}\r\nContent-Length: {len(body)}\r\n"
        "Expect: 100-continue\r\nConnection: Keep-Alive\r\n\r\n"
    )
    with socket.create_connection((where.hostname, where.port)) as plain:
        stream = plain
        if where.scheme == "https":
            stream = ssl.create_default_context(cafile=it.ca).wrap_socket(plain, server_hostname=where.hostname)
        stream.settimeout(20)
        stream.sendall(head.encode())
        assert stream.recv(4096).startswith(b"HTTP/1.1 100"), "100 Continue comes first"
        stream.sendall(body)
        answer = stream.recv(4096)
        assert answer.startswith(b"HTTP/1.1 202"), answer
        # The same connection again, the method in lower case as old scripts have it.
        stream.sendall(f"get {it.path} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: {session.headers['Authorization']}\r\n\r\n".encode())
        answer = stream.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200"), answer
    step("PowerShell 5.1: Expect, byte order mark, flattened schemas, connection kept")


def habits(it, session):
    """Ways of writing one and the same URL."""
    import requests

    eventual = {"ConsistencyLevel": "eventual", "Prefer": "return=minimal", "SdkVersion": "graph-powershell/2.25.0"}
    quoted = urllib.parse.quote(it.job, safe="").replace(".", "%2E")
    for path in (
        f"{it.path}/",
        it.path.replace("/v1.0/", "/v1.0//"),
        it.path.lower(),
        f"/beta/serviceprincipals/{it.owner.upper()}/Synchronization/Jobs/{quoted}",
        f"/v1.0/servicePrincipals('{it.owner}')/synchronization/jobs('{it.job}')?$select=id,status",
        f"/v1.0/servicePrincipals/{it.owner}/synchronization/jobs?%24count=true&$top=5",
        f"/v1.0/servicePrincipals?$filter=id eq '{it.owner}' or appId eq '{it.owner}'&$select=id",
        f"/v1.0/servicePrincipals?$filter=id%20eq%20%27{it.owner}%27+or+appId+eq+%27x%27",
        '/v1.0/servicePrincipals?$search="displayName:Hirewire"&$count=true',
        f"/v1.0/auditLogs/provisioning/?$filter=jobid%20eq%20'{it.job}'&$top=1&$orderby=activityDateTime desc",
        f"/beta/auditlogs/provisioning?$filter=jobid eq '{it.job}' and cycleId ne '{uuid.uuid4()}'&$top=1",
        "/v1.0/users?$filter=startswith(displayName,'Other')&$count=true",
    ):
        check(session.get(it.url + path, headers=eventual), 200)
    check(requests.get(it.url + it.path, verify=session.verify), 401, "Access token is empty.")
    check(session.put(it.upload, data=it.body(), headers={"Content-Type": SCIM}), 405)
    check(session.patch(f"{it.url}{it.path}/schema", data="{}", headers={"Content-Type": "application/json"}), 400)
    check(session.get(f"{it.url}/v1.0/mailboxes"), 400, "Resource not found for the segment 'mailboxes'.")
    step("URLs as scripts write them")


async def many(it, session):
    import aiohttp

    context = ssl.create_default_context(cafile=it.ca) if it.ca else None
    headers = {"Authorization": session.headers["Authorization"], "Content-Type": SCIM}
    connector = aiohttp.TCPConnector(ssl=context or True, limit=32)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as client:

        async def one(body):
            async with client.post(it.upload, data=body) as answer:
                return answer.status, answer.headers["x-hirewire-upload-id"]

        answers = await asyncio.gather(*(one(it.body(20)) for _ in range(40)))
        assert {status for status, _ in answers} == {202}, answers
        assert len({upload for _, upload in answers}) == 40, answers
        url = f"{it.url}{it.path}/uploads/{answers[-1][1]}?wait=60"
        async with client.get(url) as answer:
            receipt = await answer.json()
            assert receipt["status"] == "completed" and receipt["counts"]["applied"] == 20, receipt
    step("aiohttp: 40 uploads at once, and a receipt")


def main():
    if sys.argv[1:2] == ["--certificate"]:
        return make_certificate(sys.argv[2])
    it = Instance()
    msal_with_certificate(it)
    session = postman(it)
    curl(it, session)
    http2(it, session)
    powershell(it, session)
    habits(it, session)
    asyncio.run(many(it, session))
    print("all steps passed")


if __name__ == "__main__":
    main()
