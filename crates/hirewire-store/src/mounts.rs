//! Tells network file systems, where the kernel says so.
use std::path::Path;

/// File system types that share files between machines; SQLite's WAL mode is not safe on any of them.
const NETWORK: [&str; 17] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "ncpfs",
    "afs",
    "9p",
    "ceph",
    "glusterfs",
    "lustre",
    "beegfs",
    "gpfs",
    "ocfs2",
    "gfs2",
    "pvfs2",
    "davfs",
];

/// FUSE names its kind after a dot: `fuse.sshfs`.
const NETWORK_FUSE: [&str; 8] =
    ["sshfs", "glusterfs", "rclone", "s3fs", "davfs", "blobfuse", "blobfuse2", "cephfs"];

/// The type of the network file system that holds `folder`; `None` for a local disk or where the system does not tell.
pub(crate) fn network_kind(folder: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let folder = folder.canonicalize().ok()?;
    kind_of(&mounts, &folder).filter(|kind| is_network(kind)).map(str::to_owned)
}

fn is_network(kind: &str) -> bool {
    NETWORK.contains(&kind) || kind.strip_prefix("fuse.").is_some_and(|rest| NETWORK_FUSE.contains(&rest))
}

/// Finds the innermost mount above `folder`; a later line covers an earlier one at the same point.
fn kind_of<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    let mut best: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let Some((before, after)) = line.split_once(" - ") else { continue };
        let (Some(point), Some(kind)) = (before.split(' ').nth(4), after.split(' ').next()) else { continue };
        let point = unescape(point);
        let depth = Path::new(&point).components().count();
        if folder.starts_with(&point) && best.is_none_or(|(deepest, _)| depth >= deepest) {
            best = Some((depth, kind));
        }
    }
    best.map(|(_, kind)| kind)
}

/// The kernel writes blank, tab, line feed and backslash in a path as three octal digits.
fn unescape(point: &str) -> String {
    point.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_decides() {
        let mounts = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:40 / /srv/share rw shared:2 - nfs4 files:/share rw
41 40 8:2 / /srv/share/local\\040disk rw - xfs /dev/sdb1 rw
42 22 0:42 / /mnt/cloud rw - fuse.sshfs me@host:/ rw
43 22 0:43 / /mnt/fuse rw - fuse.ntfs /dev/sdc1 rw";
        let cases = [
            ("/var/lib/hirewire", None),
            ("/srv/share", Some("nfs4")),
            ("/srv/share/people", Some("nfs4")),
            ("/srv/shared", None),
            ("/srv/share/local disk/x", None),
            ("/mnt/cloud/a", Some("fuse.sshfs")),
            ("/mnt/fuse/a", None),
        ];
        for (folder, want) in cases {
            let found = kind_of(mounts, Path::new(folder)).filter(|kind| is_network(kind));
            assert_eq!(found, want, "{folder}");
        }
    }
}
