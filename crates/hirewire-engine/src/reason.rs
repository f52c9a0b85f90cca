//! Every reason and error code of the provisioning log: text, meaning, what to do.
//!
//! Names are Entra's where Entra has one (`spec/engine.md §8`, §14, §18), ours otherwise. `hirewire explain CODE`
//! prints from [`reasons`], and so does the log: there is no second list.
use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of message a code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Nothing was written, and nothing is wrong.
    Skip,
    /// Explains why something was written.
    Note,
    /// The person failed; others go on (escrow).
    Failure,
    /// The person failed for a passing cause.
    Transient,
    /// Nothing goes on until somebody acts (quarantine).
    Quarantine,
}

/// Who or what makes the next attempt succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remedy {
    /// Nothing to be done.
    Nothing,
    /// The engine tries again by itself.
    Automatic,
    /// A value of the record.
    Data,
    /// A mapping row or an expression.
    Mapping,
    /// Something in the target directory.
    Target,
    /// Rights of the account that writes.
    Rights,
    /// The credentials of the connection.
    Credentials,
    /// Repair the cause, then restart the job.
    Restart,
}

macro_rules! reasons {
    ($($variant:ident = $code:literal, $kind:ident, $own:literal, $remedy:ident, $meaning:literal, $todo:literal;)*) => {
        /// A name of the provisioning log. Serialises as its code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Reason {
            $(#[doc = $meaning] #[serde(rename = $code)] $variant,)*
        }

        const TABLE: &[Explanation] = &[
            $(Explanation {
                reason: Reason::$variant, code: $code, kind: Kind::$kind, own: $own, remedy: Remedy::$remedy,
                meaning: $meaning, todo: $todo,
            },)*
        ];
    };
}

/// All that is to be said about one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The code as a value.
    pub reason: Reason,
    /// The text in the log.
    pub code: &'static str,
    /// Skip, note, failure …
    pub kind: Kind,
    /// True for names that Entra does not have.
    pub own: bool,
    /// What makes the next attempt succeed.
    pub remedy: Remedy,
    /// What happened, one sentence.
    pub meaning: &'static str,
    /// What to do next, one sentence.
    pub todo: &'static str,
}

/// All codes.
pub fn reasons() -> &'static [Explanation] {
    TABLE
}

impl Reason {
    /// The text in the log.
    pub fn code(self) -> &'static str {
        self.explain().code
    }

    /// Meaning and what to do.
    pub fn explain(self) -> &'static Explanation {
        // The table is written from the same list as the enumeration, in the same order.
        &TABLE[self as usize]
    }

    /// The reason of a code, ignoring case; for codes that come from a target or a person.
    pub fn from_code(code: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.code.eq_ignore_ascii_case(code)).map(|row| row.reason)
    }

    /// Whether the engine tries again by itself without anybody acting (`spec/engine.md §14`).
    pub fn is_transient(self) -> bool {
        self.explain().remedy == Remedy::Automatic
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

reasons! {
    RedundantExport = "RedundantExport", Skip, false, Nothing,
        "The account already stands as the record wants it.",
        "Nothing.";
    NotEffectivelyEntitled = "NotEffectivelyEntitled", Skip, false, Nothing,
        "The person is not in scope, or left it before and is no longer managed.",
        "Change the scoping filter or the record when the person should have an account.";
    EntrySynchronizationSkipped = "EntrySynchronizationSkipped", Skip, false, Nothing,
        "The object is not in scope, or there is nothing to do.",
        "Nothing.";
    CreateNotEnabled = "CreateNotEnabled", Skip, true, Nothing,
        "No account matches, and the object mapping does not create accounts.",
        "Add `Add` to the object mapping's target object actions, or repair the matching value.";
    UpdateNotEnabled = "UpdateNotEnabled", Skip, true, Nothing,
        "The account differs, and the object mapping does not update accounts; disabling is an update.",
        "Add `Update` to the object mapping's target object actions.";
    DeleteNotEnabled = "DeleteNotEnabled", Skip, true, Nothing,
        "The person is gone from the source, and the object mapping does not delete accounts.",
        "Add `Delete` to the object mapping's target object actions when accounts should go with their people.";
    ObjectMappingDisabled = "ObjectMappingDisabled", Skip, true, Nothing,
        "The object mapping is switched off.",
        "Enable the object mapping in the schema.";
    InputFiltered = "InputFiltered", Skip, true, Nothing,
        "The record does not pass the mapping's input or category filter; accounts are left as they are.",
        "Change `inputFilterGroups` or `categoryFilterGroups` when the record belongs here.";
    IgnoreObjectFlow = "IgnoreObjectFlow", Skip, true, Nothing,
        "An expression chose IgnoreObjectFlow: the whole person is left out this time.",
        "Nothing, or change the expression that chose it.";
    OutOfScope = "OutOfScope", Note, true, Nothing,
        "The person left the scope: the account is disabled (deleted where the target knows no account state).",
        "Change the scoping filter or the record when that was not meant.";
    OutOfScopeDeletionSkipped = "OutOfScopeDeletionSkipped", Skip, true, Nothing,
        "The person left the scope, and SkipOutOfScopeDeletions keeps the account as it is.",
        "Set SkipOutOfScopeDeletions to False when such accounts should be disabled.";
    NoAccountStateMapping = "NoAccountStateMapping", Skip, true, Nothing,
        "The person left the scope, but no mapping row writes the account state, so that nothing can be disabled.",
        "Map the account-state attribute (accountEnabled, accountDisabled) with flow type Always.";
    SourceDeleted = "SourceDeleted", Note, true, Nothing,
        "The person is gone from the source.",
        "Nothing, or bring the person back in the source.";
    NotLinked = "NotLinked", Skip, true, Nothing,
        "The person is gone from the source and never had an account.",
        "Nothing.";
    RestoreSoftDeleted = "RestoreSoftDeleted", Note, true, Nothing,
        "The account lay in the target's recycle bin and is brought back.",
        "Nothing.";
    AccountExempt = "AccountExempt", Skip, true, Nothing,
        "The account is exempt by rule (administrators): it is never disabled or deleted by a cycle.",
        "Disable or delete the account by hand, or change the exemption rule.";
    IdentityReview = "IdentityReview", Skip, true, Nothing,
        "The number came back with another person's name and e-mail address: held until somebody decides.",
        "Compare the old and the new record, then release the person or repair the number.";
    ImportSkipped = "ImportSkipped", Skip, false, Data,
        "The record has no value in any matching attribute.",
        "Send a value for the matching attribute.";
    WaitsForSource = "WaitsForSource", Skip, true, Data,
        "Only sources that may not bring people into being know this person.",
        "Wait until a source named in `people_from` delivers the person, or name this source there.";
    DuplicateTargetEntries = "DuplicateTargetEntries", Failure, false, Data,
        "More than one account matches the person.",
        "Make the matching value unique in the target.";
    DuplicateSourceEntries = "DuplicateSourceEntries", Failure, false, Data,
        "The account that matches belongs to another person of the source already.",
        "Repair the matching value of one of the two people, or remove the wrong link.";
    InvalidAnchor = "InvalidAnchor", Failure, false, Target,
        "The linked account no longer exists in the target.",
        "Restart with ConnectorDataStore, or remove the link, so that the person is matched again.";
    MandatoryFieldsMissing = "MandatoryFieldsMissing", Failure, false, Data,
        "A required target attribute has neither value nor default, so that the account cannot be created.",
        "Send the value, or give the mapping row a default.";
    MissingValues = "MissingValues", Failure, false, Data,
        "Required values are absent.",
        "Send the values, or give the mapping rows defaults.";
    ExpressionEvaluationFailed = "ExpressionEvaluationFailed", Failure, true, Mapping,
        "A mapping expression failed for this person; nothing was written.",
        "Repair the value or the expression named in the message.";
    UniqueValuesExhausted = "UniqueValuesExhausted", Failure, true, Mapping,
        "Every candidate of SelectUniqueValue is taken.",
        "Add another candidate to the expression.";
    LifecycleDateUnreadable = "LifecycleDateUnreadable", Failure, true, Data,
        "A lifecycle date of the record is no date, so that nobody knows whether the account should work today.",
        "Send dates as YYYY-MM-DD.";
    Conflict = "Conflict", Failure, false, Data,
        "Values collide with another object of the target, or with themselves.",
        "Repair the value that is used twice.";
    EntryConflict = "EntryConflict", Failure, false, Data,
        "Values collide with another object of the target, or with themselves.",
        "Repair the value that is used twice.";
    TooManyRequests = "TooManyRequests", Transient, false, Automatic,
        "The target throttles.",
        "Nothing: tried again by itself.";
    InternalServerError = "InternalServerError", Transient, false, Automatic,
        "The target or the service between failed.",
        "Nothing: tried again by itself.";
    InternalError = "InternalError", Transient, false, Automatic,
        "The target or the service between failed.",
        "Nothing: tried again by itself.";
    WebExceptionProtocolError = "WebExceptionProtocolError", Transient, false, Automatic,
        "The target's answer was malformed HTTP.",
        "Nothing: tried again by itself. Look at proxies when it stays.";
    Timeout = "Timeout", Transient, false, Automatic,
        "The target did not answer in time.",
        "Nothing: tried again by itself.";
    InsufficientRights = "InsufficientRights", Failure, false, Rights,
        "The credentials are accepted, but the operation is refused.",
        "Give the account that writes the missing right.";
    MethodNotAllowed = "MethodNotAllowed", Failure, false, Rights,
        "The credentials are accepted, but the operation is refused.",
        "Give the account that writes the missing right.";
    NotPermitted = "NotPermitted", Failure, false, Rights,
        "The credentials are accepted, but the operation is refused.",
        "Give the account that writes the missing right.";
    Unauthorized = "Unauthorized", Failure, false, Rights,
        "The credentials are accepted, but the operation is refused.",
        "Give the account that writes the missing right.";
    UnprocessableEntity = "UnprocessableEntity", Failure, false, Mapping,
        "The target could not understand the request.",
        "Repair the mapping row of the attribute named in the message.";
    NotImplemented = "NotImplemented", Failure, false, Mapping,
        "The target lacks the operation.",
        "Take the operation out of the object mapping's target object actions.";
    SchemaAttributeNotFound = "SchemaAttributeNotFound", Failure, false, Mapping,
        "The target has no such attribute.",
        "Repair the mapping row, or extend the target's schema.";
    SchemaPropertyCanOnlyAcceptValue = "SchemaPropertyCanOnlyAcceptValue", Failure, false, Mapping,
        "The attribute takes one fixed value, or values of one kind.",
        "Repair the mapping row so that it gives a value of the attribute's type.";
    InvalidDomain = "InvalidDomain", Failure, false, Data,
        "The suffix of the user principal name is no verified domain.",
        "Repair the suffix, or verify the domain in the target.";
    LicenseLimitExceeded = "LicenseLimitExceeded", Failure, false, Target,
        "The target has no licences left.",
        "Free licences or buy some.";
    SystemForCrossDomainIdentityManagementMultipleEntriesInResponse = "SystemForCrossDomainIdentityManagementMultipleEntriesInResponse", Failure, false, Target,
        "The target's answer to a filter holds several objects.",
        "Make the matching value unique in the target.";
    SystemForCrossDomainIdentityManagementServiceIncompatible = "SystemForCrossDomainIdentityManagementServiceIncompatible", Failure, false, Target,
        "The target's answer is not SCIM.",
        "Check the target's address and its SCIM version.";
    SystemForCrossDomainIdentityManagementBadResponse = "SystemForCrossDomainIdentityManagementBadResponse", Failure, false, Data,
        "The target refused the request.",
        "Repair the value that the message names.";
    ConstraintViolationAtrErr = "ConstraintViolation-AtrErr", Failure, false, Data,
        "Active Directory refused a value: too long, or not allowed for the attribute.",
        "Shorten or repair the value (cn and company take 64 characters, sAMAccountName 20).";
    InvalidAttributeSyntax = "InvalidAttributeSyntax", Failure, false, Data,
        "Active Directory refused a value: not of the attribute's syntax, or empty.",
        "Repair the value, or let the row give no value at all.";
    AzureActiveDirectoryInvalidCredential = "AzureActiveDirectoryInvalidCredential", Quarantine, false, Credentials,
        "The secret is wrong: the job goes to quarantine.",
        "Enter the right secret, then restart.";
    AzureActiveDirectoryExpiredCredentials = "AzureActiveDirectoryExpiredCredentials", Quarantine, false, Credentials,
        "The secret has expired: the job goes to quarantine.",
        "Enter a new secret, then restart.";
    AuthenticationFailed = "AuthenticationFailed", Quarantine, false, Credentials,
        "The target does not accept the credentials: the job goes to quarantine.",
        "Enter the right credentials, then restart.";
    AzureActiveDirectoryInvalidUserPrincipalName = "AzureActiveDirectoryInvalidUserPrincipalName", Failure, false, Data,
        "The user principal name is not valid in the tenant.",
        "Repair its characters or its domain.";
    AzureActiveDirectoryQuotaLimitExceeded = "AzureActiveDirectoryQuotaLimitExceeded", Failure, false, Target,
        "The tenant's object quota is used up.",
        "Delete objects or raise the quota.";
    AzureActiveDirectoryForbidden = "AzureActiveDirectoryForbidden", Failure, false, Rights,
        "The tenant refused the operation.",
        "Give the application the missing permission.";
    AzureDirectoryServiceServerBusy = "AzureDirectoryServiceServerBusy", Transient, false, Automatic,
        "The tenant's directory is busy.",
        "Nothing: tried again by itself.";
    AzureActiveDirectoryCannotUpdateObjectsMasteredOnPremises = "AzureActiveDirectoryCannotUpdateObjectsMasteredOnPremises", Failure, false, Nothing,
        "The object is mastered on-premises and cannot be written in the cloud.",
        "Provision the person to the on-premises directory.";
    AzureActiveDirectoryCannotUpdateObjectsOriginatedInExternalService = "AzureActiveDirectoryCannotUpdateObjectsOriginatedInExternalService", Failure, false, Nothing,
        "The object comes from another service and cannot be written from here.",
        "Change the object where it is mastered.";
    AzureDirectoryB2BManagementPolicyCheckFailure = "AzureDirectoryB2BManagementPolicyCheckFailure", Failure, false, Nothing,
        "A cross-tenant policy forbids the invitation.",
        "Change the cross-tenant policy.";
    InvitationCreationFailure = "InvitationCreationFailure", Failure, false, Nothing,
        "The invitation could not be created.",
        "Look at the message of the target.";
    InvitationCreationFailureInvalidPropertyValue = "InvitationCreationFailureInvalidPropertyValue", Failure, false, Data,
        "A property of the invitation has a value that is not allowed.",
        "Repair the value.";
    InvitationCreationFailureUserAccountDisabled = "InvitationCreationFailureUserAccountDisabled", Failure, false, Nothing,
        "The invited account is disabled.",
        "Enable the account in its own tenant.";
    InvitationCreationFailureAmbiguousUser = "InvitationCreationFailureAmbiguousUser", Failure, false, Target,
        "Several accounts answer to the invited address.",
        "Make the address unique.";
    EntityTypeNotSupported = "EntityTypeNotSupported", Failure, false, Nothing,
        "The target does not take objects of this kind.",
        "Choose another object type in the mapping.";
    HybridSynchronizationActiveDirectoryUserPrincipalNameNotUnique = "HybridSynchronizationActiveDirectoryUserPrincipalNameNotUnique", Failure, false, Data,
        "Another account of the forest holds the user principal name.",
        "Use SelectUniqueValue, or repair the name.";
    HybridSynchronizationActiveDirectoryCannotFindAttribute = "HybridSynchronizationActiveDirectoryCannotFindAttribute", Failure, false, Mapping,
        "Active Directory has no such attribute, or the agent still holds the old schema.",
        "Extend the schema, then restart what caches it.";
    HybridSynchronizationActiveDirectoryInsufficientAccessRights = "HybridSynchronizationActiveDirectoryInsufficientAccessRights", Failure, false, Rights,
        "Active Directory refused the operation for lack of rights.",
        "Give the service account rights on the container.";
    HybridSynchronizationActiveDirectoryInternalServerError = "HybridSynchronizationActiveDirectoryInternalServerError", Transient, false, Automatic,
        "Active Directory failed.",
        "Nothing: tried again by itself.";
    HybridSynchronizationActiveDirectoryUnexpectedDuplicateEntriesFound = "HybridSynchronizationActiveDirectoryUnexpectedDuplicateEntriesFound", Failure, false, Target,
        "Active Directory holds several objects where one was expected.",
        "Remove the duplicate.";
    HybridIdentityServiceNoAgentsAssigned = "HybridIdentityServiceNoAgentsAssigned", Transient, false, Automatic,
        "No agent is assigned to the domain.",
        "Assign an agent.";
    HybridIdentityServiceNoActiveAgents = "HybridIdentityServiceNoActiveAgents", Transient, false, Automatic,
        "No agent of the domain is running.",
        "Start an agent.";
    HybridIdentityServiceInvalidResource = "HybridIdentityServiceInvalidResource", Transient, false, Automatic,
        "The agent does not know the domain.",
        "Check the domain's name in the agent.";
    HybridIdentityServiceAgentSignalingError = "HybridIdentityServiceAgentSignalingError", Transient, false, Automatic,
        "The agent could not be reached.",
        "Check the agent's outbound connection.";
    HybridIdentityServiceAgentTimeout = "HybridIdentityServiceAgentTimeout", Transient, false, Automatic,
        "The agent did not answer in time.",
        "Nothing: tried again by itself.";
    HybridIdentityServiceTimeOut = "HybridIdentityServiceTimeOut", Transient, false, Automatic,
        "The agent did not answer in time.",
        "Nothing: tried again by itself.";
    OperationsError = "OperationsError", Failure, false, Target,
        "Active Directory refused the operation; often the container does not exist.",
        "Repair parentDistinguishedName or the default container.";
    EndpointUnavailable = "EndpointUnavailable", Transient, false, Automatic,
        "The directory cannot be reached.",
        "Nothing: tried again by itself. Check address and network when it stays.";
    EncounteredBaseEscrowThreshold = "EncounteredBaseEscrowThreshold", Quarantine, false, Restart,
        "More than 40,000 people failed: the job is in quarantine.",
        "Repair what most messages name, then restart.";
    EncounteredTotalEscrowThreshold = "EncounteredTotalEscrowThreshold", Quarantine, false, Restart,
        "More than 60,000 people or references failed: the job is in quarantine.",
        "Repair what most messages name, then restart.";
    EncounteredEscrowProportionThreshold = "EncounteredEscrowProportionThreshold", Quarantine, false, Restart,
        "More than 40 % of the people failed: the job is in quarantine.",
        "Repair what most messages name, then restart.";
    EncounteredQuarantineException = "EncounteredQuarantineException", Quarantine, false, Restart,
        "The target cannot be used (credentials, address): the job is in quarantine.",
        "Repair the connection, then restart.";
    QuarantinedOnDemand = "QuarantinedOnDemand", Quarantine, false, Restart,
        "Somebody put the job into quarantine.",
        "Restart the job.";
    TooManyDeletes = "TooManyDeletes", Quarantine, false, Restart,
        "The cycle would disable and delete more accounts than allowed: they are held.",
        "Look at the held people, then allow them (ForceDeletes) or repair the scope or the source.";
    IngestionInterrupted = "IngestionInterrupted", Quarantine, false, Restart,
        "The intake of records was interrupted: the job is in quarantine.",
        "Repair the source, then restart.";
    Unknown = "Unknown", Quarantine, false, Restart,
        "The job is in quarantine for an unknown reason.",
        "Look at the last messages of the log.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_answers_for_every_reason() {
        for (index, row) in reasons().iter().enumerate() {
            assert_eq!(row.reason as usize, index, "{}", row.code);
            assert_eq!(Reason::from_code(&row.code.to_lowercase()), Some(row.reason));
            assert_eq!(serde_json::to_value(row.reason).ok(), Some(row.code.into()), "{}", row.code);
            assert!(row.meaning.ends_with('.') && row.todo.ends_with('.'), "{}", row.code);
        }
        assert_eq!(Reason::from_code("NoSuchCode"), None);
    }

    #[test]
    fn codes_are_unique() {
        let mut codes: Vec<_> = reasons().iter().map(|row| row.code.to_lowercase()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), reasons().len());
    }

    #[test]
    fn what_the_service_retries_is_transient() {
        for code in [
            "TooManyRequests",
            "InternalServerError",
            "InternalError",
            "Timeout",
            "WebExceptionProtocolError",
        ] {
            assert!(Reason::from_code(code).is_some_and(Reason::is_transient), "{code}");
        }
        assert!(!Reason::DuplicateTargetEntries.is_transient());
    }
}
