//! Paths of connections: clean, and never outside of what the project allows.

use crate::failure::Failure;

/// Cleans a path as a definition writes it: `/` first, no empty parts, no `.`; one with `..` is refused.
pub(crate) fn clean(path: &str) -> Result<String, Failure> {
    let mut out = String::with_capacity(path.len() + 1);
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(Failure::forbidden(format!("the path '{path}' leads out of the connection"))),
            part if part.contains('\\') || part.chars().any(char::is_control) => {
                return Err(Failure::bad(format!(
                    "the path {path:?} holds a character that no path may hold"
                )));
            }
            part => {
                out.push('/');
                out.push_str(part);
            }
        }
    }
    if out.is_empty() {
        out.push('/');
    }
    Ok(out)
}

/// The last part of a path.
pub(crate) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A path within a folder.
pub(crate) fn inside(folder: &str, name: &str) -> String {
    format!("{}/{}", folder.trim_end_matches('/'), name.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn paths_stay_inside() {
        for (given, wanted) in [
            ("/csvdata/x.csv", "/csvdata/x.csv"),
            ("csvdata//./x.csv/", "/csvdata/x.csv"),
            ("", "/"),
            ("/", "/"),
        ] {
            assert_eq!(clean(given).as_deref(), Ok(wanted));
        }
        for bad in ["../x", "/a/../../x", "a/..", "a\\..\\b", "a\0b", "a\nb"] {
            assert!(clean(bad).is_err(), "{bad:?}");
        }
        assert_eq!(clean("/a/..b").as_deref(), Ok("/a/..b"));
    }
}
