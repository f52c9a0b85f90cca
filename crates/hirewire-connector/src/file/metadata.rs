//! A file in the shapes of the connectors: managed metadata, blob properties, SFTP and file-system properties.

use hirewire_workflow::content;
use hirewire_workflow::expression::DateTime;
use hirewire_workflow::host::{file_id, media_type};
use serde_json::{Value as Json, json};

use super::Entry;
use super::path::name;

/// Ticks from year 1 to 1970.
pub(crate) const UNIX_EPOCH_TICKS: i64 = 621_355_968_000_000_000;

/// Ticks of a time in seconds and nanoseconds since 1970.
pub(crate) fn ticks(seconds: i64, nanoseconds: u32) -> i64 {
    let unix = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    DateTime::from_unix_nanoseconds(unix).ticks
}

/// A moment as connectors write it; null where nobody knows it.
fn time(modified: i64) -> Json {
    if modified == 0 {
        return Json::Null;
    }
    let unix = i128::from(modified - UNIX_EPOCH_TICKS) * 100;
    Json::from(DateTime::from_unix_nanoseconds(unix).round_trip())
}

fn kind(entry: &Entry) -> &'static str {
    // A file without a telling end is bytes to those who only see its name.
    match media_type(name(&entry.path)) {
        "text/plain" if !entry.path.to_ascii_lowercase().ends_with(".txt") => "application/octet-stream",
        kind => kind,
    }
}

/// Metadata of the managed connectors (`spec/workflows.md` §11.2).
pub(crate) fn managed(entry: &Entry) -> Json {
    let id = file_id(&entry.path);
    json!({
        "Id": id, "Name": name(&entry.path), "DisplayName": name(&entry.path), "Path": entry.path,
        "LastModified": time(entry.modified), "Size": entry.size,
        "MediaType": if entry.folder { Json::Null } else { Json::from(kind(entry)) },
        "IsFolder": entry.folder, "ETag": entry.etag, "FileLocator": id, "LastModifiedBy": null,
    })
}

/// Splits `/container/path/of/blob`.
pub(crate) fn blob_parts(path: &str) -> (&str, &str) {
    path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""))
}

/// Properties of a blob as the built-in AzureBlob operations give them.
pub(crate) fn blob_properties(entry: &Entry) -> Json {
    json!({
        "blobType": "BlockBlob", "blobFullPathWithContainer": entry.path.trim_start_matches('/'),
        "contentType": kind(entry), "contentLength": entry.size, "eTag": entry.etag,
        "lastModifiedTime": time(entry.modified),
    })
}

/// A blob in `listBlobs` and `getBlobMetadata`: its properties with its name within the container.
pub(crate) fn blob(entry: &Entry) -> Json {
    let mut out = json!({"name": blob_parts(&entry.path).1});
    if let (Some(out), Json::Object(more)) = (out.as_object_mut(), blob_properties(entry)) {
        out.extend(more);
    }
    out
}

/// A blob as `whenABlobIsAddedOrModified` fires it.
pub(crate) fn blob_event(entry: &Entry) -> Json {
    let (container, blob) = blob_parts(&entry.path);
    json!({"name": blob, "containerInfo": {"name": container}, "properties": blob_properties(entry), "metadata": {}})
}

/// A file in `listFolder` and `getFileMetadata` of the built-in Sftp, FileSystem and Ftp operations.
pub(crate) fn provider(entry: &Entry) -> Json {
    json!({
        "name": name(&entry.path), "path": entry.path, "absolutePath": entry.path,
        "pathRelativeToRootDirectory": entry.path, "size": entry.size, "fileSize": entry.size,
        "mediaType": if entry.folder { Json::Null } else { Json::from(kind(entry)) },
        "lastUpdatedTime": time(entry.modified), "lastModifiedTime": time(entry.modified), "isDirectory": entry.folder,
    })
}

/// A file's content as a value, typed by its name (`inferContentType`), and that type.
pub(crate) fn content_value(path: &str, bytes: &[u8]) -> (&'static str, Json) {
    let kind = media_type(name(path));
    // Text that is valid UTF-8 is text; anything else is an envelope.
    let kind = match kind {
        "text/plain" if std::str::from_utf8(bytes).is_err() => "application/octet-stream",
        kind => kind,
    };
    (kind, content::decode(bytes, Some(kind)).unwrap_or_else(|| Json::from("")))
}
