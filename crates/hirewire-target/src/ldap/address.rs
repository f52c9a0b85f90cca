//! `ldap://` and `ldaps://` addresses (RFC 4516, host and port only).
use std::net::IpAddr;

/// One server's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Name or IPv4 address: what the certificate must be for.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// TLS from the first byte.
    pub(crate) ldaps: bool,
}

impl Address {
    /// Reads `ldaps://host[:port]`.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let lower = url.to_ascii_lowercase();
        let (ldaps, rest) = if let Some(rest) = lower.strip_prefix("ldaps://") {
            (true, rest)
        } else if let Some(rest) = lower.strip_prefix("ldap://") {
            (false, rest)
        } else {
            return Err(format!("`{url}` is no LDAP address: write ldaps://host or ldap://host"));
        };
        let rest = rest.trim_end_matches('/');
        if rest.starts_with('[') {
            return Err(format!("`{url}`: IPv6 addresses are not supported, use the server's name"));
        }
        let (host, port) = match rest.rsplit_once(':') {
            None => (rest, if ldaps { 636 } else { 389 }),
            Some((host, port)) => {
                (host, port.parse().map_err(|_| format!("`{url}`: `{port}` is no port number"))?)
            }
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if host.is_empty() || !host.chars().all(plain) {
            return Err(format!("`{url}`: `{host}` is no host name"));
        }
        Ok(Self { host: host.into(), port, ldaps })
    }

    /// True when nothing leaves this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The form the client library takes.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}:{}", if self.ldaps { "ldaps" } else { "ldap" }, self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses() {
        for (url, host, port, ldaps) in [
            ("ldaps://dc1.corp.example", "dc1.corp.example", 636, true),
            ("LDAP://DC1:1389/", "dc1", 1389, false),
            ("ldap://127.64.1.2", "127.64.1.2", 389, false),
        ] {
            assert_eq!(Address::parse(url).unwrap(), Address { host: host.into(), port, ldaps });
        }
        for url in ["http://x", "ldap://", "ldap://x:port", "ldaps://[::1]", "ldap://a b", "ldap://u:p@h", ""]
        {
            assert!(Address::parse(url).is_err(), "{url}");
        }
        assert!(Address::parse("ldap://127.65.0.1").unwrap().is_loopback());
        assert!(!Address::parse("ldap://10.0.0.1").unwrap().is_loopback());
    }
}
