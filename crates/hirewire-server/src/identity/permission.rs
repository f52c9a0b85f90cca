//! Graph application permissions that this server knows (spec/inbound-api.md §3.2).
use serde_json::{Value, json};

/// A permission (app role) of Microsoft Graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "named as Graph names them; see `value`")]
pub enum Permission {
    UploadAll,
    UploadOwnedBy,
    ProvisioningLogReadAll,
    AuditLogReadAll,
    SynchronizationReadAll,
    SynchronizationReadWriteAll,
    ApplicationReadWriteOwnedBy,
    ApplicationReadWriteAll,
    ApplicationReadAll,
    AppRoleAssignmentReadWriteAll,
    UserReadAll,
    UserReadWriteAll,
    DirectoryReadAll,
}

/// Every permission with its value and the id of its app role. Ids that are U in the specification are ours.
const ALL: [(Permission, &str, &str); 13] = [
    (Permission::UploadAll, "SynchronizationData-User.Upload", "db31e92a-b9ea-4d87-bf6a-75a37a9ca35a"),
    (
        Permission::UploadOwnedBy,
        "SynchronizationData-User.Upload.OwnedBy",
        "25c32ff3-849a-494b-b94f-20a8ac4e6774",
    ),
    // [U] id
    (Permission::ProvisioningLogReadAll, "ProvisioningLog.Read.All", "6c5bd9a4-7c2b-4e0b-9f7b-1a5c7f0e4d21"),
    (Permission::AuditLogReadAll, "AuditLog.Read.All", "b0afded3-3588-46d8-8b3d-9842eff778da"),
    (Permission::SynchronizationReadAll, "Synchronization.Read.All", "5ba43d2f-fa88-4db2-bd1c-a67c5f0fb1ce"),
    (
        Permission::SynchronizationReadWriteAll,
        "Synchronization.ReadWrite.All",
        "9b50c33d-700f-43b1-b2eb-87e89b703581",
    ),
    (
        Permission::ApplicationReadWriteOwnedBy,
        "Application.ReadWrite.OwnedBy",
        "18a4783c-866b-4cc7-a460-3d5e5662c884",
    ),
    (
        Permission::ApplicationReadWriteAll,
        "Application.ReadWrite.All",
        "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
    ),
    (Permission::ApplicationReadAll, "Application.Read.All", "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30"),
    (
        Permission::AppRoleAssignmentReadWriteAll,
        "AppRoleAssignment.ReadWrite.All",
        "06b708a9-e830-4db3-a914-8e69da51d44f",
    ),
    (Permission::UserReadAll, "User.Read.All", "df021288-bdef-4463-88db-98f22de89214"),
    (Permission::UserReadWriteAll, "User.ReadWrite.All", "741f803b-c850-494e-b5df-cde7c675a1ca"),
    (Permission::DirectoryReadAll, "Directory.Read.All", "7ab1d382-f21e-4acd-a863-ba3e13f7da61"),
];

impl Permission {
    /// The permission of a value such as `AuditLog.Read.All`.
    pub fn from_value(text: &str) -> Option<Self> {
        ALL.iter().find(|(_, value, _)| value.eq_ignore_ascii_case(text)).map(|(permission, ..)| *permission)
    }

    /// The permission of an app role's id.
    pub fn from_id(text: &str) -> Option<Self> {
        ALL.iter().find(|(.., id)| id.eq_ignore_ascii_case(text)).map(|(permission, ..)| *permission)
    }

    /// Its value, as it stands in `roles`.
    pub fn value(self) -> &'static str {
        ALL[self as usize].1
    }

    /// Id of its app role.
    pub fn id(self) -> &'static str {
        ALL[self as usize].2
    }

    /// Every permission.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().map(|(permission, ..)| *permission)
    }

    /// The `appRoles` of the service principal of Microsoft Graph.
    pub fn app_roles() -> Value {
        ALL.iter()
            .map(|(_, value, id)| {
                json!({ "allowedMemberTypes": ["Application"], "description": value, "displayName": value, "id": id, "isEnabled": true, "origin": "Application", "value": value })
            })
            .collect()
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(u32);

impl Permissions {
    /// Every one of them.
    pub fn everything() -> Self {
        Permission::all().collect()
    }

    /// Whether `permission` is in the set.
    pub fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    /// Whether one of `wanted` is in the set.
    pub fn has_any(self, wanted: &[Permission]) -> bool {
        wanted.iter().any(|permission| self.has(*permission))
    }

    /// The values, in a stable order.
    pub fn values(self) -> Vec<&'static str> {
        Permission::all().filter(|permission| self.has(*permission)).map(Permission::value).collect()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |set, permission| set | 1 << permission as u32))
    }
}

/// Reads a set from values; unknown ones are left out.
impl<'t> FromIterator<&'t str> for Permissions {
    fn from_iter<I: IntoIterator<Item = &'t str>>(values: I) -> Self {
        values.into_iter().filter_map(Permission::from_value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (at, permission) in Permission::all().enumerate() {
            assert_eq!(permission as usize, at);
            assert_eq!(Permission::from_value(permission.value()), Some(permission));
            assert_eq!(Permission::from_id(permission.id()), Some(permission));
        }
    }

    #[test]
    fn sets_hold_what_was_granted_and_nothing_else() {
        let set: Permissions = ["AuditLog.Read.All", "Mail.Send"].into_iter().collect();
        assert_eq!(set.values(), ["AuditLog.Read.All"]);
        assert!(!set.has_any(&[Permission::UploadAll, Permission::UploadOwnedBy]));
    }
}
