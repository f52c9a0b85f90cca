//! SCIM 2.0 on the wire: users, extensions, bulk, paths, filters, errors.
