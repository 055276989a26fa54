//! How a permission is narrowed: hosts with their ports, and the names of secrets. Texts from brick authors and from
//! the person are read here, once, into one form, so that what is compared later is never spelled in two ways.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use url::Host;

/// The longest name of a host that DNS knows, in bytes.
const MAX_HOST_BYTES: usize = 253;
/// The longest name of a secret, in bytes.
const MAX_SECRET_NAME: usize = 64;

/// A host with its port (`api.example.org:443`, `[2001:db8::1]:80`), or every name below one (`*.example.org:443`).
///
/// Names are lower case and in Punycode, without a dot at the end; addresses are in their usual form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostScope {
    host: Host,
    below: bool,
    port: u16,
}

impl HostScope {
    /// That very host at that port. None where the host is no name that could be asked for, such as an empty one.
    pub fn exact(host: &Host<&str>, port: u16) -> Option<Self> {
        let host = match host {
            Host::Domain(name) => Host::Domain(plain_name(name)?),
            Host::Ipv4(address) => Host::Ipv4(*address),
            Host::Ipv6(address) => Host::Ipv6(*address),
        };
        Some(Self { host, below: false, port })
    }

    /// True if whatever `asked` names is allowed by this.
    pub fn covers(&self, asked: &Self) -> bool {
        if self.port != asked.port {
            return false;
        }
        match (&self.host, &asked.host) {
            (Host::Domain(granted), Host::Domain(name)) if self.below => {
                name == granted && asked.below
                    || name.strip_suffix(granted.as_str()).is_some_and(|rest| rest.ends_with('.'))
            }
            (granted, host) => granted == host && !asked.below,
        }
    }
}

impl fmt::Display for HostScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}:{}", if self.below { "*." } else { "" }, self.host, self.port)
    }
}

impl FromStr for HostScope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |problem: &str| {
            let shown: String = text.chars().filter(|letter| !letter.is_control()).take(80).collect();
            format!("`{shown}` is no host: {problem}")
        };
        let how = "write it with its port, such as api.example.org:443 or *.example.org:443";
        let (host, port) = text.rsplit_once(':').ok_or_else(|| wrong(how))?;
        let port = port_number(port).ok_or_else(|| wrong(how))?;
        let (below, host) = match host.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, host),
        };
        // `Host::parse` would decode these, and what is shown must be what is meant.
        if host.contains(['%', '*', '@', '/']) || host.len() > 4 * MAX_HOST_BYTES {
            return Err(wrong(how));
        }
        let parsed = Host::parse(host).map_err(|error| wrong(&format!("{error}; {how}")))?;
        let host = match parsed {
            Host::Domain(name) => Host::Domain(plain_name(&name).ok_or_else(|| wrong(how))?),
            Host::Ipv4(_) | Host::Ipv6(_) if below => {
                return Err(wrong("there are no names below an address"));
            }
            address => address,
        };
        match &host {
            Host::Domain(name) if below && !name.contains('.') => {
                Err(wrong("that would be a whole top-level domain; name at least two parts after the star"))
            }
            _ => Ok(Self { host, below, port }),
        }
    }
}

impl TryFrom<String> for HostScope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<HostScope> for String {
    fn from(scope: HostScope) -> Self {
        scope.to_string()
    }
}

/// The name without the dot that may end it, if it can be a name at all. URLs allow more, such as a star.
fn plain_name(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let letters = |part: &str| {
        part.bytes().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_'))
    };
    let sound = name.len() <= MAX_HOST_BYTES
        && name.split('.').all(|part| (1..=63).contains(&part.len()) && letters(part));
    sound.then(|| name.to_ascii_lowercase())
}

fn port_number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.len() <= 5 && text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0)
}

/// Fails if a secret can't have this name; the text says which it may have.
///
/// # Errors
/// What is wrong with it.
pub fn check_secret_name(name: &str) -> Result<(), String> {
    let first = name.starts_with(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    let letters = name.bytes().all(|letter| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, b'-' | b'_' | b'.')
    });
    if first && letters && name.len() <= MAX_SECRET_NAME {
        return Ok(());
    }
    let shown: String = name.chars().filter(|letter| !letter.is_control()).take(80).collect();
    Err(format!(
        "`{shown}` can't be the name of a secret: it has lower-case letters, digits, `-`, `_` and `.`, begins with a letter or digit, and is at most {MAX_SECRET_NAME} long"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> HostScope {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_host_is_written_in_one_form_however_it_was_typed() {
        for (typed, written) in [
            ("api.example.org:443", "api.example.org:443"),
            ("API.Example.ORG.:443", "api.example.org:443"),
            ("bücher.example:443", "xn--bcher-kva.example:443"),
            ("2130706433:80", "127.0.0.1:80"),
            ("0x7f.1:80", "127.0.0.1:80"),
            ("[0:0::1]:80", "[::1]:80"),
            ("*.Example.org:8443", "*.example.org:8443"),
        ] {
            assert_eq!(scope(typed).to_string(), written, "{typed}");
            assert_eq!(scope(written), scope(typed));
        }
    }

    #[test]
    fn what_is_no_host_with_a_port_is_refused() {
        for text in [
            "",
            ":443",
            "example.org",
            "example.org:",
            "example.org:0",
            "example.org:+80",
            "example.org:65536",
            "https://example.org:443",
            "user@example.org:443",
            "example.org/path:443",
            "exa%6dple.org:443",
            "ex ample.org:443",
            "example.org\0:443",
            "exam!ple.org:443",
            "example.org;:443",
            "a..b:443",
            "*:443",
            "*.org:443",
            "*.*.example.org:443",
            "a.*.example.org:443",
            "*.127.0.0.1:443",
            "::1:443",
            "[::1:443",
            "[fe80::1%25eth0]:443",
        ] {
            assert!(text.parse::<HostScope>().is_err(), "{text:?} was taken");
        }
        assert!(format!("{}:443", "a".repeat(64)).parse::<HostScope>().is_err());
        assert!(format!("{}a:443", "a.".repeat(130)).parse::<HostScope>().is_err());
    }

    #[test]
    fn a_star_covers_names_below_and_neither_the_name_itself_nor_its_neighbours() {
        let all = scope("*.example.org:443");
        for (asked, expected) in [
            ("api.example.org:443", true),
            ("a.b.example.org:443", true),
            ("*.example.org:443", true),
            ("*.api.example.org:443", true),
            ("example.org:443", false),
            ("api.example.org:80", false),
            ("evilexample.org:443", false),
            ("api.example.org.evil.net:443", false),
            ("*.org.example:443", false),
        ] {
            assert_eq!(all.covers(&scope(asked)), expected, "{asked}");
        }
        let one = scope("api.example.org:443");
        assert!(one.covers(&scope("API.example.org.:443")));
        assert!(!one.covers(&scope("*.api.example.org:443")) && !one.covers(&scope("x.api.example.org:443")));
    }

    #[test]
    fn what_a_url_calls_a_host_is_no_scope_unless_it_is_a_plain_name() {
        let exact = |host: &str| HostScope::exact(&Host::Domain(host), 443).map(|scope| scope.to_string());
        assert_eq!(exact("API.example.org."), Some("api.example.org:443".to_owned()));
        for host in ["*.example.org", "", ".", "a..b", "a,b", "a'b"] {
            assert_eq!(exact(host), None, "{host}");
        }
    }

    #[test]
    fn names_of_secrets_are_plain() {
        for name in ["key", "example-key", "a.b_c-9", "0"] {
            assert_eq!(check_secret_name(name), Ok(()), "{name}");
        }
        for name in ["", "Key", "a b", "../key", ".hidden", "-x", "ké", "a\0", &"k".repeat(65)] {
            assert!(check_secret_name(name).is_err(), "{name:?}");
        }
    }
}
