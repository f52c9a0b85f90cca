//! Every endpoint, in the order of spec/inbound-api.md §5.
use super::{Area, Handler, Need, Row, Run, Verb};
use crate::identity::Permission::*;
use crate::{emulator, graph, identity, operations};

const UPLOAD: Need = Need::One(&[UploadAll, UploadOwnedBy]);
const LOG: Need = Need::One(&[ProvisioningLogReadAll, AuditLogReadAll]);
const SYNC_READ: Need =
    Need::One(&[SynchronizationReadAll, SynchronizationReadWriteAll, ApplicationReadWriteOwnedBy]);
const SYNC_WRITE: Need = Need::One(&[SynchronizationReadWriteAll, ApplicationReadWriteOwnedBy]);
const APP_READ: Need = Need::One(&[ApplicationReadAll, ApplicationReadWriteAll, ApplicationReadWriteOwnedBy]);
const APP_WRITE: Need = Need::One(&[ApplicationReadWriteAll, ApplicationReadWriteOwnedBy]);
const ROLES: Need = Need::One(&[AppRoleAssignmentReadWriteAll]);
const ROLES_READ: Need =
    Need::One(&[AppRoleAssignmentReadWriteAll, ApplicationReadAll, ApplicationReadWriteAll]);
const USERS: Need = Need::One(&[UserReadAll, UserReadWriteAll, DirectoryReadAll]);
/// Whoever uploaded may read the receipt, and so may readers of jobs and logs.
const RECEIPT: Need = Need::One(&[
    UploadAll,
    UploadOwnedBy,
    ProvisioningLogReadAll,
    AuditLogReadAll,
    SynchronizationReadAll,
    SynchronizationReadWriteAll,
]);

const fn verb(method: &'static str, need: Need, run: Run, success: u16, summary: &'static str) -> Verb {
    Verb { method, need, run, success, summary }
}

const fn get(need: Need, handler: Handler, summary: &'static str) -> Verb {
    verb("GET", need, Run::Plain(handler), 200, summary)
}

const fn post(need: Need, handler: Handler, success: u16, summary: &'static str) -> Verb {
    verb("POST", need, Run::Plain(handler), success, summary)
}

const fn row(area: Area, path: &'static str, verbs: &'static [Verb]) -> Row {
    Row { area, path, verbs }
}

/// Everything served. Literal paths stand before patterns that would match them too.
pub const ROWS: &[Row] = &[
    // Uploads.
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/bulkUpload",
        &[verb("POST", UPLOAD, Run::Upload, 202, "Upload people as a SCIM bulk request")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/bulkUpload/$value",
        &[verb(
            "PUT",
            UPLOAD,
            Run::UploadValue,
            202,
            "Upload a bulk request as a stream, as SDKs generate it (open mode)",
        )],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/uploads",
        &[get(RECEIPT, graph::uploads::list, "List the newest uploads of a job")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/uploads/{upload}",
        &[verb(
            "GET",
            RECEIPT,
            Run::Receipt,
            200,
            "Read what became of each operation of an upload; waits with ?wait=, streams with Accept: text/event-stream",
        )],
    ),
    // The provisioning log.
    row(
        Area::Graph,
        "auditLogs/provisioning",
        &[get(LOG, graph::log::list, "List provisioning log records")],
    ),
    row(
        Area::Graph,
        "auditLogs/provisioning/$count",
        &[get(LOG, graph::log::count, "Count provisioning log records")],
    ),
    row(
        Area::Graph,
        "auditLogs/provisioning/{id}",
        &[get(LOG, graph::log::one, "Read one provisioning log record")],
    ),
    // Jobs.
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization",
        &[
            get(SYNC_READ, graph::jobs::synchronization, "Read the synchronization of an app"),
            verb(
                "PUT",
                SYNC_WRITE,
                Run::Plain(graph::secrets::put_synchronization),
                204,
                "Replace the secrets of an app through its synchronization",
            ),
        ],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/acquireAccessToken",
        &[post(
            SYNC_WRITE,
            graph::jobs::acquire_access_token,
            204,
            "Acquire a token for the app's credentials (nothing to do for API-driven apps)",
        )],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs",
        &[
            get(SYNC_READ, graph::jobs::list, "List jobs"),
            post(SYNC_WRITE, graph::jobs::create, 201, "Create a job from a template"),
        ],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/$count",
        &[get(SYNC_READ, graph::jobs::count, "Count jobs")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/validateCredentials",
        &[post(SYNC_WRITE, graph::jobs::validate_credentials, 204, "Check credentials before a job exists")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}",
        &[
            get(SYNC_READ, graph::jobs::get, "Read a job"),
            verb(
                "PATCH",
                SYNC_WRITE,
                Run::Plain(graph::jobs::patch),
                200,
                "Change settings and schedule of a job",
            ),
            verb(
                "DELETE",
                SYNC_WRITE,
                Run::Plain(graph::jobs::delete),
                204,
                "Delete a job with its mappings and state",
            ),
        ],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/start",
        &[post(SYNC_WRITE, graph::jobs::start, 204, "Start a job")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/pause",
        &[post(SYNC_WRITE, graph::jobs::pause, 204, "Pause a job")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/stop",
        &[post(SYNC_WRITE, graph::jobs::pause, 204, "Stop a job, the older name of pause")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/restart",
        &[post(SYNC_WRITE, graph::jobs::restart, 204, "Restart a job with reset scopes")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/approve",
        &[post(SYNC_WRITE, graph::cycles::approve, 200, "Make the changes that a cycle held happen")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/cycles",
        &[get(SYNC_READ, graph::cycles::list, "List the cycles of a job, the newest first")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/validateCredentials",
        &[post(SYNC_WRITE, graph::jobs::validate_credentials, 204, "Check the credentials of a job")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/provisionOnDemand",
        &[post(
            SYNC_WRITE,
            graph::on_demand::provision,
            200,
            "Provision one person now, or see what would be done (?dryRun=true)",
        )],
    ),
    row(
        Area::Beta,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/objectConnections",
        &[get(SYNC_READ, graph::connections::list, "Object connections are read one by one")],
    ),
    row(
        Area::Beta,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/objectConnections/{object}",
        &[
            get(SYNC_READ, graph::connections::get, "Read the link between a person and an account"),
            verb(
                "DELETE",
                SYNC_WRITE,
                Run::Plain(graph::connections::delete),
                204,
                "Cut the link between a person and an account",
            ),
        ],
    ),
    // The schema of a job.
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/schema",
        &[
            get(SYNC_READ, graph::schema::get, "Read the schema"),
            verb("PUT", SYNC_WRITE, Run::Plain(graph::schema::put), 204, "Replace the schema"),
            verb(
                "PATCH",
                SYNC_WRITE,
                Run::Plain(graph::schema::patch),
                204,
                "Replace the schema, as SDKs send it (open mode)",
            ),
            verb(
                "DELETE",
                SYNC_WRITE,
                Run::Plain(graph::schema::delete),
                204,
                "Go back to the template's schema",
            ),
        ],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/schema/directories",
        &[get(SYNC_READ, graph::schema::directories, "List the directories of the schema")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/schema/directories/{directory}",
        &[get(SYNC_READ, graph::schema::directory, "Read a directory of the schema")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/schema/directories/{directory}/discover",
        &[post(SYNC_WRITE, graph::schema::discover, 200, "Discover a directory's attributes again")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/schema/filterOperators",
        &[get(SYNC_READ, graph::schema::filter_operators, "List the operators of scoping filters")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/schema/functions",
        &[get(SYNC_READ, graph::schema::functions, "List the functions of mapping expressions")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/jobs/{job}/schema/parseExpression",
        &[post(SYNC_READ, graph::expression::parse, 200, "Parse and try a mapping expression")],
    ),
    // Templates and secrets.
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/templates",
        &[get(SYNC_READ, graph::templates::list, "List synchronization templates")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/templates/{template}",
        &[get(SYNC_READ, graph::templates::get, "Read a synchronization template")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/templates/{template}/schema",
        &[get(SYNC_READ, graph::templates::schema, "Read the schema of a template")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/templates/{template}/schema/filterOperators",
        &[get(SYNC_READ, graph::schema::filter_operators, "List the operators of scoping filters")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/templates/{template}/schema/functions",
        &[get(SYNC_READ, graph::schema::functions, "List the functions of mapping expressions")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/templates/{template}/schema/parseExpression",
        &[post(SYNC_READ, graph::expression::parse, 200, "Parse and try a mapping expression")],
    ),
    row(
        Area::Graph,
        "applications/{sp}/synchronization/templates",
        &[get(SYNC_READ, graph::templates::list, "List synchronization templates")],
    ),
    row(
        Area::Graph,
        "applications/{sp}/synchronization/templates/{template}",
        &[get(SYNC_READ, graph::templates::get, "Read a synchronization template")],
    ),
    row(
        Area::Graph,
        "applications/{sp}/synchronization/templates/{template}/schema",
        &[get(SYNC_READ, graph::templates::schema, "Read the schema of a template")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/synchronization/secrets",
        &[
            get(SYNC_READ, graph::secrets::list, "List the keys of an app's secrets; values are never shown"),
            verb("PUT", SYNC_WRITE, Run::Plain(graph::secrets::put), 204, "Replace an app's secrets"),
        ],
    ),
    // Applications.
    row(
        Area::Graph,
        "servicePrincipals",
        &[get(APP_READ, graph::apps::service_principals, "List service principals")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/$count",
        &[get(APP_READ, graph::apps::count_service_principals, "Count service principals")],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}",
        &[
            get(APP_READ, graph::apps::service_principal, "Read a service principal"),
            verb("DELETE", APP_WRITE, Run::Plain(graph::apps::delete), 204, "Delete an app"),
        ],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/appRoleAssignments",
        &[
            get(ROLES_READ, graph::apps::role_assignments, "List the permissions granted to an app"),
            post(ROLES, graph::apps::assign_role, 201, "Grant a permission to an app"),
        ],
    ),
    row(
        Area::Graph,
        "servicePrincipals/{sp}/appRoleAssignments/{assignment}",
        &[verb("DELETE", ROLES, Run::Plain(graph::apps::revoke_role), 204, "Take a permission from an app")],
    ),
    row(Area::Graph, "applications", &[get(APP_READ, graph::apps::applications, "List applications")]),
    row(
        Area::Graph,
        "applications/$count",
        &[get(APP_READ, graph::apps::count_applications, "Count applications")],
    ),
    row(
        Area::Graph,
        "applications/{sp}",
        &[
            get(APP_READ, graph::apps::application, "Read an application"),
            verb("DELETE", APP_WRITE, Run::Plain(graph::apps::delete), 204, "Delete an app"),
        ],
    ),
    row(
        Area::Graph,
        "applicationTemplates",
        &[get(Need::Token, graph::templates::applications, "List application templates")],
    ),
    row(
        Area::Graph,
        "applicationTemplates/{template}",
        &[get(Need::Token, graph::templates::application, "Read an application template")],
    ),
    row(
        Area::Graph,
        "applicationTemplates/{template}/instantiate",
        &[post(APP_WRITE, graph::apps::instantiate, 201, "Make an app from a template")],
    ),
    // The tenant and its people.
    row(Area::Graph, "users", &[get(USERS, graph::users::list, "List users of the embedded directory")]),
    row(
        Area::Graph,
        "users/$count",
        &[get(USERS, graph::users::count, "Count users of the embedded directory")],
    ),
    row(
        Area::Graph,
        "users/{user}",
        &[get(USERS, graph::users::get, "Read a user of the embedded directory")],
    ),
    row(Area::Graph, "users/{user}/manager", &[get(USERS, graph::users::manager, "Read a user's manager")]),
    row(Area::Graph, "organization", &[get(Need::Token, graph::tenant::organization, "Read the tenant")]),
    row(
        Area::Graph,
        "organization/{id}",
        &[get(Need::Token, graph::tenant::one_organization, "Read the tenant")],
    ),
    row(Area::Graph, "domains", &[get(Need::Token, graph::tenant::domains, "List verified domains")]),
    row(Area::Graph, "subscribedSkus", &[get(Need::Token, graph::tenant::subscribed_skus, "List licences")]),
    row(
        Area::Graph,
        "me",
        &[get(Need::Token, graph::tenant::me, "Read the signed-in user (none with an app token)")],
    ),
    row(
        Area::Graph,
        "$batch",
        &[verb("POST", Need::Token, Run::Batch, 200, "Send up to 20 requests in one")],
    ),
    row(
        Area::Graph,
        "$metadata",
        &[get(Need::Nothing, graph::metadata::csdl, "Read the description of the data")],
    ),
    // Tokens.
    row(
        Area::Root,
        "common/discovery/instance",
        &[get(Need::Nothing, identity::discovery::instance, "Instance discovery")],
    ),
    row(
        Area::Root,
        "metadata/identity/oauth2/token",
        &[get(
            Need::Loopback,
            identity::managed::imds,
            "Token of a managed identity, as on a virtual machine",
        )],
    ),
    row(
        Area::Root,
        "msi/token",
        &[get(
            Need::Loopback,
            identity::managed::app_service,
            "Token of a managed identity, as in App Service",
        )],
    ),
    row(
        Area::Root,
        "{tenant}/oauth2/v2.0/token",
        &[verb("POST", Need::Nothing, Run::Token(identity::TokenStyle::V2), 200, "Get an access token")],
    ),
    row(
        Area::Root,
        "{tenant}/oauth2/token",
        &[verb(
            "POST",
            Need::Nothing,
            Run::Token(identity::TokenStyle::V1),
            200,
            "Get an access token, the older form",
        )],
    ),
    row(
        Area::Root,
        "{tenant}/v2.0/.well-known/openid-configuration",
        &[get(Need::Nothing, identity::discovery::v2, "Discovery document")],
    ),
    row(
        Area::Root,
        "{tenant}/.well-known/openid-configuration",
        &[get(Need::Nothing, identity::discovery::v1, "Discovery document, the older form")],
    ),
    row(
        Area::Root,
        "{tenant}/discovery/v2.0/keys",
        &[get(Need::Nothing, identity::discovery::keys, "Signing keys")],
    ),
    row(
        Area::Root,
        "{tenant}/discovery/keys",
        &[get(Need::Nothing, identity::discovery::keys, "Signing keys")],
    ),
    // Operation of the instance.
    row(Area::Root, "healthz", &[get(Need::Nothing, operations::health, "The process is alive")]),
    row(Area::Root, "readyz", &[get(Need::Nothing, operations::ready, "The store answers")]),
    row(Area::Root, "metrics", &[get(Need::LoopbackOrToken, operations::metrics, "Prometheus metrics")]),
    row(Area::Root, "openapi.json", &[get(Need::Nothing, operations::openapi, "This description")]),
    // The emulator.
    row(
        Area::Root,
        "_emulator/openapi.json",
        &[get(Need::LoopbackOrToken, operations::emulator_openapi, "The description of these controls")],
    ),
    row(
        Area::Root,
        "_emulator/clock",
        &[
            get(Need::LoopbackOrToken, emulator::clock, "Read the clock"),
            verb(
                "PATCH",
                Need::LoopbackOrToken,
                Run::Plain(emulator::move_clock),
                200,
                "Set, move, freeze or reset the clock",
            ),
        ],
    ),
    row(
        Area::Root,
        "_emulator/faults",
        &[
            get(Need::LoopbackOrToken, emulator::faults, "List the faults in force"),
            post(Need::LoopbackOrToken, emulator::add_fault, 201, "Add a fault"),
            verb(
                "DELETE",
                Need::LoopbackOrToken,
                Run::Plain(emulator::clear_faults),
                204,
                "Remove all faults",
            ),
        ],
    ),
    row(
        Area::Root,
        "_emulator/requests",
        &[
            get(Need::LoopbackOrToken, emulator::requests, "Read the recorded requests"),
            verb(
                "DELETE",
                Need::LoopbackOrToken,
                Run::Plain(emulator::clear_requests),
                204,
                "Forget the recorded requests",
            ),
        ],
    ),
    row(
        Area::Root,
        "_emulator/reset",
        &[post(
            Need::LoopbackOrToken,
            emulator::reset,
            204,
            "Start over: forget people, log, uploads, faults, requests, limits and the clock's offset",
        )],
    ),
];
