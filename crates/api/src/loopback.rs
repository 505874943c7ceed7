//! Host and Origin: what keeps a web page in the operator's browser from talking to the server.
//!
//! Listening on loopback keeps other machines out, not other pages: a name that a hostile DNS server lets point
//! to 127.0.0.1 makes the browser send its page's requests here. So the `Host` must be a loopback name or address,
//! and an `Origin`, which a browser always adds to what a page sends elsewhere, must be one too.

/// Whether the authority of a `Host` header names this machine: `localhost`, 127.0.0.0/8 or `[::1]`, any port.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    let Some(name) = without_port(host) else { return false };
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    match bare {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| ip.is_loopback()),
        None => name.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback()),
    }
}

/// Whether an `Origin` header is a page of this machine. `null` (sandboxed pages, files) is not.
pub(crate) fn is_loopback_origin(origin: &str) -> bool {
    ["http://", "https://"].iter().filter_map(|scheme| origin.strip_prefix(scheme)).any(is_loopback_host)
}

fn without_port(host: &str) -> Option<&str> {
    let end_of_name = if host.starts_with('[') { host.find(']')? + 1 } else { host.find(':').unwrap_or(host.len()) };
    let (name, port) = host.split_at_checked(end_of_name)?;
    match port.strip_prefix(':') {
        None => port.is_empty().then_some(name),
        Some(digits) => digits.parse::<u16>().is_ok().then_some(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_pass() {
        for good in ["localhost", "LOCALHOST:8645", "127.0.0.1", "127.0.0.1:8645", "127.1.2.3:1", "[::1]", "[::1]:80"] {
            assert!(is_loopback_host(good), "{good}");
        }
        let bad = [
            "",
            "evil.example",
            "evil.example:8645",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost:",
            "localhost:x",
            "localhost:99999",
            "0.0.0.0",
            "192.168.1.1",
            "[::2]",
            "[::1",
            "::1",
            "[::1]x",
            "user@localhost",
        ];
        for bad in bad {
            assert!(!is_loopback_host(bad), "{bad}");
        }
    }

    #[test]
    fn only_pages_of_this_machine_pass() {
        assert!(is_loopback_origin("http://127.0.0.1:8645"));
        assert!(is_loopback_origin("http://localhost"));
        for bad in ["null", "", "http://evil.example", "file://", "http://localhost.evil.example", "localhost"] {
            assert!(!is_loopback_origin(bad), "{bad}");
        }
    }
}
